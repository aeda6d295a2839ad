// Recordings of the call: the button, the red mark that says who records, and the tone when the other side begins.

import { $, put, say, setIcon, show, toast } from "./dom.js";
import { unsettle } from "./settled.js";
import { recordingTone } from "./sounds.js";

const BETWEEN_TONES = 2000;

export class Recording {
  #program;
  #calls;
  // The calls whose tone was played.
  #heard = new Set();
  #sounded = -BETWEEN_TONES;

  constructor(program, calls) {
    this.#program = program;
    this.#calls = calls;
    $("c-record").addEventListener("click", () => this.turn());
    $("m-record").addEventListener("click", () => {
      $("more").close();
      this.turn();
    });
    $("recording-refuse").addEventListener("click", () => this.#ask("refuse"));
    program.addEventListener("said", ({ detail }) => {
      // The mark itself says who records.
      if (["recording.stopped", "recording.refused", "recording.failed"].includes(detail.kind)) toast(detail);
    });
  }

  turn() {
    this.#ask(this.#calls.current?.recording === "off" ? "start" : "stop");
  }

  async #ask(what) {
    const call = this.#calls.current;
    if (!call) return;
    try {
      await this.#program.ask("record", { call: call.id, what });
    } catch (error) {
      toast(error, { urgent: true });
    }
  }

  draw(call) {
    const theirs = call.remote_recording === "shown";
    const ours = call.recording !== "off";
    if (!theirs) this.#heard.delete(call.id);
    else if (call.handset && !this.#heard.has(call.id)) {
      this.#heard.add(call.id);
      // Not over each other: who begins again and again would make them as loud as they like.
      if (performance.now() - this.#sounded > BETWEEN_TONES) {
        this.#sounded = performance.now();
        recordingTone();
      }
    }
    if ($("recording").hidden) unsettle($("recording"));
    show($("recording"), theirs || ours);
    say($("recording-text"), theirs || ours ? { kind: `recording.${theirs ? "by-them" : call.recording}`, sentence: call.recording_words } : null);
    show($("recording-refuse"), theirs);
    const label = ours ? "Stop recording" : "Record";
    setIcon($("c-record"), ours ? "i-stop" : "i-record");
    put($("c-record").querySelector(".text"), label);
    put($("m-record").querySelector("span"), label);
    $("c-record").classList.toggle("on", ours);
    for (const id of ["c-record", "m-record"]) $(id).disabled = call.echo || (call.state !== "active" && !ours);
  }
}
