// Somebody calls: who, for what, how we know them, and the answers.

import { $, avatar, make, problem, put, redraw, show } from "./dom.js";
import { ring, stopRinging } from "./sounds.js";

export class Incoming {
  #program;
  #calls;
  #shown = null;
  #silenced = new Set();

  constructor(program, calls) {
    this.#program = program;
    this.#calls = calls;
    $("answer-video").addEventListener("click", () => this.answer("video"));
    $("answer-audio").addEventListener("click", () => this.answer("audio"));
    $("decline").addEventListener("click", () => this.decline());
    $("silence").addEventListener("click", () => this.silence());
    $("incoming").addEventListener("cancel", (event) => {
      event.preventDefault();
      this.silence();
    });
    $("block").addEventListener("click", () => this.#askToBlock(true));
    $("block-no").addEventListener("click", () => this.#askToBlock(false));
    $("block-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#block();
    });
  }

  get call() {
    return this.#calls.ringing[0] ?? null;
  }

  draw() {
    const call = this.call;
    const dialog = $("incoming");
    if (!call) {
      stopRinging();
      this.#shown = null;
      if (dialog.open) dialog.close();
      return;
    }
    if (this.#shown !== call.id) {
      this.#shown = call.id;
      problem($("incoming-problem"), null);
      this.#askToBlock(false);
    }
    avatar($("incoming-avatar"), call.name, call.node);
    put($("incoming-title"), call.name);
    put($("incoming-want"), call.media === "video" ? "wants to see and hear you" : "wants to talk to you");
    put($("incoming-trust"), call.trust_words);
    $("incoming-trust").dataset.trust = call.trust;
    put($("incoming-node"), call.contact ? "" : call.node);
    show($("answer-video"), call.media === "video");
    show($("block"), true);
    const busy = this.#calls.current;
    const talking = busy && busy.state !== "ended";
    put($("incoming-busy"), talking ? `You are in a call with ${busy.name}. Answering ends it.` : "");
    show($("incoming-busy"), Boolean(talking));
    const more = this.#calls.ringing.slice(1);
    redraw($("incoming-more"), more.map((each) => each.name), (name) => make("li", { text: `${name} is calling too` }));
    show($("incoming-more"), Boolean(more.length));
    if (!dialog.open) {
      dialog.showModal();
      $("incoming-title").focus();
    }
    if (this.#silenced.has(call.id)) stopRinging();
    else ring();
  }

  async answer(media) {
    const call = this.call;
    if (!call) return;
    await this.#hangUp();
    await this.#say("answer", { call: call.id, media: call.media === "video" ? media : "audio" });
  }

  // End the call that is up, and wait until it is over: there can be only one.
  async #hangUp() {
    const busy = this.#calls.current;
    if (!busy || busy.state === "ended") return;
    this.#program.send("hang-up", { call: busy.id });
    await new Promise((over) => {
      const look = () => {
        const now = this.#calls.current;
        if (now && now.state !== "ended" && now.id === busy.id) return;
        this.#calls.removeEventListener("changed", look);
        over();
      };
      this.#calls.addEventListener("changed", look);
      look();
    });
    this.#calls.putAway(busy.id);
  }

  async decline() {
    if (this.call) await this.#say("decline", { call: this.call.id });
  }

  silence() {
    if (this.call) this.#silenced.add(this.call.id);
    stopRinging();
  }

  #askToBlock(asking) {
    if (asking) {
      const call = this.call;
      const how = call?.contact ? "" : " They are saved under the beginning of their node id, to be known again.";
      put($("block-text"), `Ignore every call from ${call?.name}? They aren't told.${how}`);
    }
    show($("block-form"), asking);
  }

  async #block() {
    const call = this.call;
    if (!call) return;
    const name = call.contact ?? call.node.slice(0, 8);
    try {
      if (!call.contact) await this.#program.ask("save-contact", { call: call.id, name });
      await this.#program.ask("set-trust", { name, trust: "block" });
      await this.#program.ask("decline", { call: call.id });
    } catch (error) {
      problem($("incoming-problem"), error);
    }
  }

  async #say(type, values) {
    try {
      await this.#program.ask(type, values);
    } catch (error) {
      problem($("incoming-problem"), error);
    }
  }
}
