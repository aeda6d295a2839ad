// A voice message for a contact who doesn't answer, recorded while they are called or afterwards, heard again if wanted, and
// kept by the program until they are connected. What was recorded stays until it is sent or discarded, whatever else the page
// shows meanwhile.

import { $, announce, duration, put, show } from "./dom.js";
import { Upload } from "./files.js";
import { capture, why } from "./devices.js";
import { unsettle } from "./settled.js";
import { Speaker } from "./speaker.js";
import { toast } from "./toasts.js";

const LONGEST = 180;
const BITS_PER_SECOND = 32_000;
const FORMS = [["audio/webm;codecs=opus", "webm"], ["audio/ogg;codecs=opus", "ogg"], ["audio/mp4", "mp4"]];
const UNHEARD = ["no-answer", "remote-busy", "cancelled"];
const INTERRUPTED = { sentence: "The connection to Copybara was interrupted. Your voice message isn't kept yet.", hint: "" };

// How long it is, by its size, in the words that the other side reads of it: see bot/texts/files.py.
function about(sound) {
  const seconds = Math.max(1, Math.round(sound.size * 8 / BITS_PER_SECOND));
  return seconds > 1 ? `About ${seconds} seconds` : "About a second";
}

export class VoiceMessage {
  #program;
  #call = null;
  #recorder = null;
  #began = 0;
  // By the call's id: those that aren't sent yet, being recorded, recorded or on their way to the program.
  #messages = new Map();
  #sent = new Set();
  // By the call's id: those that still wait, in which the person has asked for it.
  #wanted = new Set();
  #sound = $("voice-sound");
  #speaker = new Speaker($("voice-sound"));
  // What draws the page again once recording begins or ends, and once a message is sent or discarded.
  onChanged = () => {};

  constructor(program) {
    this.#program = program;
    program.addEventListener("state", () => this.#interrupt());
    program.addEventListener("said", ({ detail }) => {
      if (detail.kind !== "message.kept") return;
      toast(detail);
      this.#messages.get(detail.call)?.kept?.();
    });
    program.addEventListener("problem", ({ detail }) => this.#sending(detail.id)?.failed());
    program.addEventListener("file-taken", ({ detail }) => this.#sending(detail.upload)?.upload.taken(detail.bytes));
    $("voice-offer").addEventListener("click", () => {
      this.#wanted.add(this.#call.id);
      this.draw(this.#call);
      $("voice").scrollIntoView({ block: "nearest" });
      $("voice-record").focus({ preventScroll: true });
    });
    $("voice-record").addEventListener("click", () => this.#begin());
    $("voice-stop").addEventListener("click", () => this.#stop());
    $("voice-listen").addEventListener("click", () => this.#listen());
    $("voice-send").addEventListener("click", () => this.#send());
    $("voice-discard").addEventListener("click", () => this.#discard(this.#call.id));
    for (const change of ["play", "pause", "ended"]) this.#sound.addEventListener(change, () => this.draw(this.#call));
    addEventListener("beforeunload", (event) => {
      if (this.#messages.size) event.preventDefault();
    });
    setInterval(() => this.#tick(), 500);
  }

  get isRecording() {
    return this.#recorder !== null;
  }

  // Whether something was recorded after this call that isn't sent yet.
  unsent(id) {
    return this.#messages.has(id);
  }

  // The person wants to leave this call's page. What isn't sent is asked about once: they leave it by pressing again.
  mayLeave(id) {
    const message = this.#messages.get(id);
    if (message && !message.asked) {
      message.asked = true;
      this.#stop();
      this.draw(this.#call);
      unsettle($("ended-close"));
      announce($("voice-text").textContent);
      return false;
    }
    if (message) this.#discard(id);
    return true;
  }

  draw(call) {
    if (this.#call?.id !== call?.id) {
      this.#stop();
      this.#sound.pause();
    }
    this.#call = call;
    const message = this.#messages.get(call?.id);
    const unheard = call?.state === "calling" || (call?.state === "ended" && UNHEARD.includes(call.report.reason));
    const can = Boolean(window.MediaRecorder && this.#form && unheard && call.role === "caller" && !call.connected_at
      && call.contact && call.paired && !this.#sent.has(call.id));
    const offers = can && call.state === "calling" && !message && !this.#wanted.has(call.id);
    show($("voice-offer"), offers);
    show($("voice"), (can && !offers) || Boolean(message));
    this.#place(call);
    const asks = Boolean(message?.asked);
    put($("ended-close"), asks ? "Discard and close" : "Done");
    $("ended-close").toggleAttribute("data-settles", asks);
    $("ended-close").classList.toggle("danger", asks);
    // What is still to be done here comes before it.
    $("ended-close").classList.toggle("primary", !asks && $("ended-link").hidden && $("ended-save").hidden);
    if (!call || $("voice").hidden) return;
    const state = message?.state ?? "none";
    const when = call.state === "ended" ? "in your next call with each other" : "once you are connected, in this call or a later one";
    const gets = `${call.name} gets it ${when}.`;
    put($("voice-title"), message ? `Your voice message for ${message.name}` : "Leave a voice message");
    put($("voice-text"), {
      none: call.state === "ended" ? gets : `Your call goes on meanwhile. ${gets}`, recording: "Recording.", recorded: asks ? "It isn't kept yet. Keep it, or discard it." : `Not kept yet. ${gets}`,
      sending: "Keeping it …",
    }[state]);
    if (message) put($("voice-time"), state === "recording" ? `${duration(this.#seconds)} of ${duration(LONGEST)}` : about(message.sound));
    // It isn't sent before they are connected.
    if (message) put($("voice-send"), `Keep for ${message.name}`);
    put($("voice-listen"), this.#sound.paused ? "Listen" : "Pause");
    show($("voice-time"), Boolean(message));
    show($("voice-record"), state === "none");
    show($("voice-stop"), state === "recording");
    for (const id of ["voice-send", "voice-listen", "voice-discard"]) show($(id), state === "recorded");
  }

  // It stands where the call is shown, with the focus that it had.
  #place(call) {
    const place = $(call && call.state !== "ended" ? "outgoing-voice" : "ended-voice");
    if ($("voice").parentElement === place) return;
    const focused = $("voice").contains(document.activeElement) ? document.activeElement : null;
    place.append($("voice"));
    // The page turns first, which gives it to the heading.
    if (focused) queueMicrotask(() => focused.focus({ preventScroll: true }));
  }

  #focusHeading() {
    $(this.#call?.state === "ended" ? "ended-title" : "outgoing-title").focus({ preventScroll: true });
  }

  get #form() {
    return FORMS.find(([type]) => MediaRecorder.isTypeSupported(type));
  }

  get #seconds() {
    return (performance.now() - this.#began) / 1000;
  }

  #sending(number) {
    return [...this.#messages.values()].find((message) => message.state === "sending" && message.upload.number === number);
  }

  async #begin() {
    const call = this.#call;
    let stream;
    try {
      stream = await capture({ audio: true, video: false });
    } catch (error) {
      toast(why(error, "mic"), { urgent: true });
      return;
    }
    if (this.#call?.id !== call.id || this.#recorder) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    const message = { name: call.name, to: call.node, state: "recording", parts: [], asked: false };
    this.#messages.set(call.id, message);
    this.#recorder = new MediaRecorder(stream, { mimeType: this.#form[0], audioBitsPerSecond: BITS_PER_SECOND });
    this.#recorder.addEventListener("dataavailable", ({ data }) => message.parts.push(data));
    // Also when the microphone is unplugged.
    this.#recorder.addEventListener("stop", () => this.#stopped(call.id, message), { once: true });
    this.#recorder.start(1000);
    this.#began = performance.now();
    this.onChanged();
    $("voice-stop").focus();
  }

  #tick() {
    if (!this.#recorder) return;
    if (this.#seconds >= LONGEST) this.#stop();
    this.draw(this.#call);
  }

  #stop() {
    if (this.#recorder?.state !== "recording") return;
    this.#recorder.stop();
    for (const track of this.#recorder.stream.getTracks()) track.stop();
  }

  #stopped(id, message) {
    this.#recorder = null;
    if (this.#messages.get(id) !== message) return;
    const focused = document.activeElement === $("voice-stop");
    Object.assign(message, { state: "recorded", sound: new Blob(message.parts, { type: this.#form[0] }) });
    if (!message.sound.size) {
      this.#messages.delete(id);
      toast("Nothing was recorded: the microphone gave no sound.", { urgent: true });
    }
    this.onChanged();
    if (focused) $("voice-send").focus();
  }

  async #listen() {
    if (!this.#sound.paused) return this.#sound.pause();
    const message = this.#messages.get(this.#call.id);
    message.address ??= URL.createObjectURL(message.sound);
    if (this.#sound.src !== message.address) this.#sound.src = message.address;
    this.#speaker.use();
    return this.#sound.play().catch(() => toast("The voice message can't be played here.", { urgent: true }));
  }

  async #send() {
    const { id } = this.#call;
    const message = this.#messages.get(id);
    const upload = new Upload(this.#program, message.sound);
    this.#sound.pause();
    try {
      await new Promise((kept, failed) => {
        Object.assign(message, { state: "sending", asked: false, upload, kept, failed });
        this.draw(this.#call);
        this.#focusHeading();
        upload.leave(id, message.to, this.#form[1]).catch(failed);
      });
      message.state = "sent";
      this.#sent.add(id);
      this.#discard(id);
    } catch (error) {
      upload.stop();
      message.state = "recorded";
      toast(error, { urgent: true });
      this.draw(this.#call);
    }
  }

  #discard(id) {
    const message = this.#messages.get(id);
    this.#messages.delete(id);
    if (message.state === "sending") message.upload.stop();
    if (message.address) {
      this.#sound.removeAttribute("src");
      this.#sound.load();
      URL.revokeObjectURL(message.address);
    }
    this.onChanged();
    this.#focusHeading();
  }

  #interrupt() {
    for (const message of this.#messages.values()) if (message.state === "sending") message.failed(INTERRUPTED);
  }
}
