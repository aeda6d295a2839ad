// Recordings of the call: the button, the red mark that says who records, and the tone when the other side begins.

import { $, put, redraw, say, setIcon, show } from "./dom.js";
import { recorded, recordingButtons } from "./files.js";
import { unsettle } from "./settled.js";
import { recordingTone } from "./sounds.js";
import { toast } from "./toasts.js";

const BETWEEN_TONES = 2000;

// What is told of recordings; the mark itself says who records.
const TOLD = ["recording.stopped", "recording.refused", "recording.failed", "call.message", "call.recorded"];

export class Recording {
  #program;
  #calls;
  // The calls whose tone was played.
  #heard = new Set();
  #sounded = -BETWEEN_TONES;
  // By the number of the recording: what ends the toast that names its file.
  #toasts = new Map();

  constructor(program, calls) {
    this.#program = program;
    this.#calls = calls;
    $("c-record").addEventListener("click", () => this.turn());
    $("m-record").addEventListener("click", () => {
      $("more").close();
      this.turn();
    });
    $("recording-refuse").addEventListener("click", () => this.#ask("refuse", this.#reached.filter((call) => call.remote_recording === "shown")));
    program.addEventListener("said", ({ detail }) => {
      if (!TOLD.includes(detail.kind)) return;
      const leave = toast(detail, { acts: detail.path ? recordingButtons(program, detail) : [] });
      if (!detail.path) return;
      this.#toasts.set(detail.recording, leave);
      if (calls.current?.state === "ended") this.#leaveListed(calls.current);
    });
  }

  turn() {
    const records = (call) => call.recording !== "off";
    const ours = this.#all.filter(records);
    if (ours.length) this.#ask("stop", ours);
    else this.#ask("start", this.#all.filter((call) => call.state === "active"));
  }

  // All who hear each other: a recording in one of these calls is one of the conversation.
  get #all() {
    const call = this.#calls.current;
    return call ? this.#calls.conversation(call) : [];
  }

  // With these, and with everybody else whom this page's microphone reaches.
  get #reached() {
    return [...this.#all, ...this.#calls.others.filter((call) => call.handset && !call.on_hold)];
  }

  async #ask(what, calls) {
    try {
      await Promise.all(calls.map((call) => this.#program.ask("record", { call: call.id, what })));
    } catch (error) {
      toast(error, { urgent: true });
    }
  }

  // After the call: where its recordings are.
  drawMade(call) {
    redraw($("ended-recordings-list"), call.recorded, (each) => recorded(this.#program, each));
    show($("ended-recordings"), call.recorded.length > 0);
    this.#leaveListed(call);
  }

  // The view of a call that is over has their files and buttons itself.
  #leaveListed(call) {
    for (const { recording } of call.recorded) {
      this.#toasts.get(recording)?.();
      this.#toasts.delete(recording);
    }
  }

  draw(call) {
    const all = this.#reached;
    const by = all.filter((each) => each.remote_recording === "shown");
    const theirs = by.length > 0;
    const ours = this.#all.filter((each) => each.recording !== "off");
    for (const each of all) if (!by.includes(each)) this.#heard.delete(each.id);
    for (const each of by) if (each.handset && !this.#heard.has(each.id)) this.#tone(each);
    if ($("recording").hidden) unsettle($("recording"));
    show($("recording"), theirs || ours.length > 0);
    const first = by[0] ?? ours[0];
    say($("recording-text"), first ? { kind: `recording.${theirs ? "by-them" : first.recording}`, sentence: this.#words(by, ours) } : null);
    show($("recording-refuse"), theirs);
    const label = ours.length ? "Stop recording" : "Record";
    setIcon($("c-record"), ours.length ? "i-stop" : "i-record");
    put($("c-record").querySelector(".text"), label);
    put($("m-record").querySelector("span"), label);
    $("c-record").classList.toggle("on", ours.length > 0);
    for (const id of ["c-record", "m-record"]) {
      $(id).disabled = call.echo || (call.state !== "active" && !ours.length);
      $(id).title = call.echo ? "A test call isn't recorded: nobody else is in it." : "Record the call. The other side sees that.";
    }
  }

  // Who records. Of a conversation perhaps only some are recorded: somebody has joined since, or refused.
  #words(by, ours) {
    const names = (calls) => calls.map((each) => each.name).join(", ");
    const without = this.#all.filter((each) => each.state === "active" && !ours.includes(each));
    const part = ours.length && without.length ? `You are recording ${names(ours)}, and not ${names(without)}.` : "";
    const others = by.length > 1 ? `So does ${names(by.slice(1))}.` : "";
    return [by.length || !part ? (by[0] ?? ours[0]).recording_words : "", others, part].filter(Boolean).join(" ");
  }

  // Not over each other: somebody who begins again and again would make them as loud as they like. One that waits is for
  // all that have begun by then.
  #tone(call) {
    this.#heard.add(call.id);
    if (this.#sounded > performance.now()) return;
    const wait = Math.max(0, this.#sounded + BETWEEN_TONES - performance.now());
    this.#sounded = performance.now() + wait;
    setTimeout(() => recordingTone(), wait);
  }
}
