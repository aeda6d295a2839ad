// Incoming call: who, for what, how we know them, and the answers. In a call it is a banner, else it fills the page.

import { $, avatar, make, moment, problem, put, redraw, show } from "./dom.js";
import { within } from "./names.js";
import { MOMENT, unsettle } from "./settled.js";
import { ringTone, waitingTone } from "./sounds.js";
import { toast } from "./toasts.js";

// The last call of the log with the same node that was connected: the overlay carries this one to no other either.
export const calledBefore = (log, { node }) => log.find((entry) => entry.node === node && entry.seconds !== null);

const KNOWN = { stranger: "You haven't saved them", unproven: "Doesn't have the key you share" };

export class Incoming {
  #program;
  #calls;
  #world;
  #shown = null;
  #whole = null;
  #taken = null;
  #deafUntil = 0;
  #silenced = new Set();

  constructor(program, calls, world) {
    this.#program = program;
    this.#calls = calls;
    this.#world = world;
    $("answer-video").addEventListener("click", () => this.answer("video"));
    $("answer-audio").addEventListener("click", () => this.answer("audio"));
    $("decline").addEventListener("click", () => this.decline());
    $("silence").addEventListener("click", () => this.silence());
    $("incoming").addEventListener("cancel", (event) => {
      event.preventDefault();
      this.silence();
    });
    $("block").addEventListener("click", () => {
      this.#askToBlock(true);
      // On a small phone it would stand below the window.
      $("block-form").scrollIntoView({ block: "nearest" });
      $("block-no").focus({ preventScroll: true });
    });
    $("block-no").addEventListener("click", () => {
      this.#askToBlock(false);
      $("block").focus();
    });
    $("block-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#block();
    });
    $("beside-decline").addEventListener("click", () => this.decline());
    $("beside-answer").addEventListener("click", () => this.answer("video"));
    $("beside-audio").addEventListener("click", () => this.answer("audio"));
    $("beside-hold").addEventListener("click", () => this.answer("video", "hold"));
    $("beside-more").addEventListener("click", () => this.#showWhole(true));
    $("incoming-back").addEventListener("click", () => this.#showWhole(false));
  }

  get call() {
    return this.#calls.ringing[0] ?? null;
  }

  // Whether the call that rings stands beside one in which the person is talking.
  get beside() {
    return this.call !== null && !this.#calls.aside && ["active", "reconnecting"].includes(this.#calls.current?.state);
  }

  draw() {
    const call = this.call;
    const beside = this.beside;
    if (this.#shown !== (call?.id ?? null)) {
      // One that rings after another comes up under a press that may be for that one.
      const now = performance.now();
      if (this.#shown !== null) this.#deafUntil = now + MOMENT;
      for (const id of ["decline", "beside-decline"]) $(id).toggleAttribute("data-settles", now < this.#deafUntil);
      this.#shown = call?.id ?? null;
      this.#whole = this.#taken = null;
      problem($("incoming-problem"), null);
      this.#askToBlock(false);
      for (const id of ["incoming", "beside"]) unsettle($(id));
    }
    // Once it is to be answered it is only waited for the end of the call that is up.
    const taken = Boolean(call) && this.#taken === call.id;
    const whole = Boolean(call) && !taken && (!beside || this.#whole === call.id);
    if (call) {
      this.#drawWhole(call, beside);
      this.#drawBeside(call);
    }
    const dialog = $("incoming");
    if (whole && !dialog.open) {
      dialog.showModal();
      $("incoming-title").focus();
    } else if (!whole && dialog.open) {
      dialog.close();
    }
    show($("beside"), beside && !whole && !taken);
    this.#sound(taken ? null : call, beside);
  }

  #drawWhole(call, beside) {
    avatar($("incoming-avatar"), call.name, call.node);
    put($("incoming-title"), call.name);
    put($("incoming-want"), call.media === "video" ? "is calling you with video" : "is calling you");
    put($("incoming-trust"), call.trust_words);
    $("incoming-trust").dataset.trust = call.trust;
    const before = call.contact ? null : calledBefore(this.#world.log, call);
    put($("incoming-before"), before ? `Same caller as at ${moment(before.started)}, not saved.` : "");
    show($("incoming-before"), Boolean(before));
    $("incoming").dataset.kind = call.kind;
    put($("incoming-node"), call.contact ? "" : call.node);
    show($("incoming-node-line"), !call.contact);
    if (!call.contact && $("incoming-node-line").dataset.call !== String(call.id)) $("incoming-node-line").open = false;
    $("incoming-node-line").dataset.call = String(call.id);
    show($("answer-video"), call.media === "video");
    $("answer-audio").classList.toggle("yes", call.media !== "video");
    put($("answer-audio").lastElementChild, call.media === "video" ? "Audio" : "Answer");
    const busy = this.#calls.current;
    const ends = busy?.on_hold ? "" : beside ? `You are in a call with ${within(busy.name)}. Answering ends it.`
      : busy && busy.state !== "ended" ? `You are calling ${within(busy.name)}. Answering cancels that call.` : "";
    put($("incoming-busy"), ends);
    show($("incoming-busy"), Boolean(ends));
    show($("incoming-back"), beside);
    const more = this.#calls.ringing.slice(1);
    redraw($("incoming-more"), more.map((each) => each.name), (name) => make("li", { text: `${name} is also calling` }));
    show($("incoming-more"), Boolean(more.length));
  }

  #drawBeside(call) {
    const more = this.#calls.ringing.length - 1;
    avatar($("beside-avatar"), call.name, call.node);
    put($("beside-name"), call.name);
    put($("beside-want"), (call.media === "video" ? "is also calling (video)" : "is also calling") + (more ? `, and ${more} more` : ""));
    put($("beside-trust"), KNOWN[call.trust] ?? "In your contacts");
    $("beside-trust").dataset.trust = call.trust;
    $("beside").dataset.kind = call.kind;
    show($("beside-audio"), call.media === "video");
    // One call may be on hold beside the one that is up.
    const current = this.#calls.current;
    show($("beside-hold"), Boolean(current) && !current.on_hold && !this.#calls.others.length);
    const how = current?.on_hold ? "Answer" : "Hang up and answer";
    put($("beside-answer"), how);
    $("beside-answer").title = `${how} (Shift+V)`;
    $("beside-audio").title = `${how} with audio only (Shift+A)`;
    $("beside-audio").setAttribute("aria-label", `${how} with audio only`);
  }

  #sound(call, beside) {
    const loud = call && !this.#silenced.has(call.id);
    if (loud && !beside) ringTone.start();
    else ringTone.stop();
    if (loud && beside) waitingTone.start();
    else waitingTone.stop();
  }

  #showWhole(whole) {
    this.#whole = whole ? this.call?.id : null;
    this.draw();
    if (!whole && !$("beside").hidden) $("beside-more").focus();
  }

  // `instead`: what becomes of the call that is up; without it that call ends first.
  async answer(media, instead = "") {
    const call = this.call;
    if (!call || this.#taken === call.id) return;
    const busy = this.#calls.current;
    if (busy && busy.state !== "ended" && !busy.on_hold && !instead) {
      this.#taken = call.id;
      this.draw();
      await this.#hangUp(busy);
    }
    await this.#say("answer", { call: call.id, media: call.media === "video" ? media : "audio", instead });
  }

  // End the call that is up, and wait until it is over: there can be only one.
  async #hangUp(busy) {
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
    if (this.call && performance.now() >= this.#deafUntil) await this.#say("decline", { call: this.call.id });
  }

  // Returns whether there was anything to silence.
  silence() {
    const loud = this.call !== null && !this.#silenced.has(this.call.id);
    if (loud) this.#silenced.add(this.call.id);
    this.#sound(this.call, this.beside);
    return loud;
  }

  #askToBlock(asking) {
    if (asking) {
      const call = this.call;
      put($("block-text"), call?.contact
        ? `Ignore every call from ${call.name}? They get no reply, now or later.`
        : "Ignore every call from them for a day? They get no reply.");
    }
    show($("block-form"), asking);
  }

  async #block() {
    const call = this.call;
    if (!call) return;
    try {
      const done = await this.#program.ask("block", { call: call.id });
      toast(done);
    } catch (error) {
      problem($("incoming-problem"), error);
    }
  }

  async #say(type, values) {
    try {
      await this.#program.ask(type, values);
    } catch (error) {
      this.#taken = null;
      this.draw();
      if ($("incoming").open) problem($("incoming-problem"), error);
      else toast(error, { urgent: true });
    }
  }
}
