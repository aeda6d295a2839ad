// A voice message for a contact who didn't answer: recorded here, and kept by the program until the next call with them.

import { $, duration, put, show, toast } from "./dom.js";
import { Upload } from "./files.js";
import { capture, why } from "./devices.js";

const LONGEST = 180;
const BITS_PER_SECOND = 32_000;
const FORMS = [["audio/webm;codecs=opus", "webm"], ["audio/ogg;codecs=opus", "ogg"], ["audio/mp4", "mp4"]];
const UNHEARD = ["no-answer", "remote-busy", "cancelled"];

export class VoiceMessage {
  #program;
  #call = null;
  #recorder = null;
  #parts = [];
  #began = 0;
  #left = new Set();

  constructor(program) {
    this.#program = program;
    $("voice-record").addEventListener("click", () => this.#begin());
    $("voice-leave").addEventListener("click", () => this.#end(true));
    $("voice-discard").addEventListener("click", () => this.#end(false));
    program.addEventListener("said", ({ detail }) => { if (detail.kind === "message.kept") toast(detail); });
    program.addEventListener("file-taken", ({ detail }) => this.#upload?.number === detail.upload && this.#upload.taken(detail.bytes));
    setInterval(() => this.#tick(), 500);
  }

  #upload = null;

  draw(call) {
    if (this.#call?.id !== call?.id) this.#end(false);
    this.#call = call;
    const form = window.MediaRecorder && this.#form;
    const can = Boolean(form && call && call.state === "ended" && call.role === "caller" && !call.connected_at && call.contact && call.paired
      && UNHEARD.includes(call.report.reason) && !this.#left.has(call.id));
    show($("voice"), can);
    if (!can) return;
    const runs = Boolean(this.#recorder);
    put($("voice-text"), runs ? "" : `${call.name} gets it in your next call with each other.`);
    show($("voice-record"), !runs);
    for (const id of ["voice-time", "voice-leave", "voice-discard"]) show($(id), runs);
  }

  get #form() {
    return FORMS.find(([type]) => MediaRecorder.isTypeSupported(type));
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
    if (this.#call !== call || this.#recorder) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#parts = [];
    this.#recorder = new MediaRecorder(stream, { mimeType: this.#form[0], audioBitsPerSecond: BITS_PER_SECOND });
    this.#recorder.addEventListener("dataavailable", ({ data }) => this.#parts.push(data));
    this.#recorder.start(1000);
    this.#began = performance.now();
    this.#tick();
    this.draw(call);
  }

  #tick() {
    if (!this.#recorder) return;
    const seconds = (performance.now() - this.#began) / 1000;
    put($("voice-time"), `${duration(seconds)} of ${duration(LONGEST)}`);
    if (seconds >= LONGEST) this.#end(true);
  }

  async #end(keep) {
    const recorder = this.#recorder;
    const call = this.#call;
    if (!recorder) return;
    this.#recorder = null;
    const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
    recorder.stop();
    for (const track of recorder.stream.getTracks()) track.stop();
    await stopped;
    const [type, form] = this.#form;
    if (keep) {
      this.#left.add(call.id);
      this.#upload = new Upload(this.#program, new Blob(this.#parts, { type }));
      try {
        await this.#upload.leave(call.id, call.contact, form);
      } catch (error) {
        this.#left.delete(call.id);
        toast(error, { urgent: true });
      }
    }
    this.#parts = [];
    if (this.#call?.id === call.id) this.draw(this.#call);
  }
}
