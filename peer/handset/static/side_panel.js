// Beside the call: the lines that are written, and what is known about it.

import { $, make, onSubmit, problem, put, redraw, show } from "./dom.js";
import { wantedName, within } from "./names.js";
import { unsettle } from "./settled.js";
import { toast } from "./toasts.js";

const OPENERS = { chat: "c-chat", about: "c-about" };

// The last line stays in sight for somebody who looks at it, where a keyboard or a notice takes some of its room.
function keepAtEnd(list) {
  let atEnd = true;
  let height = 0;
  list.addEventListener("scroll", () => {
    // What has another height by now was scrolled by nobody.
    if (list.clientHeight === height) atEnd = list.scrollHeight - list.scrollTop - height < 8;
  });
  new ResizeObserver(() => {
    height = list.clientHeight;
    if (atEnd) list.scrollTop = list.scrollHeight;
  }).observe(list);
}

export class SidePanel extends EventTarget {
  #program;
  #calls;
  #call = null;
  #open = "";
  // The words that are shown to be compared.
  #words = null;
  // The call for which something is written that wasn't sent yet, and who were in its conversation when that was begun.
  #writtenFor = null;

  constructor(program, calls) {
    super();
    this.#program = program;
    this.#calls = calls;
    $("c-chat").addEventListener("click", () => this.toggle("chat"));
    $("c-about").addEventListener("click", () => this.toggle("about"));
    $("stage-quality").addEventListener("click", () => this.toggle("about"));
    $("last-text").addEventListener("click", () => this.toggle("chat", true));
    $("panel-close").addEventListener("click", () => this.close());
    $("write").addEventListener("input", () => { if (this.#call) this.#writtenFor ??= this.#readers; });
    onSubmit("write-form", "write-problem", () => this.#write());
    keepAtEnd($("texts"));
    onSubmit("save-form", "save-problem", () => this.#save());
  }

  toggle(name, open = this.#open !== name) {
    this.#open = open ? name : "";
    this.dispatchEvent(new Event("changed"));
    if (!open) $(OPENERS[name]).focus();
    else if (name === "chat") $("write").focus();
    else $("panel-title").focus();
  }

  // Returns whether there was anything to close.
  close() {
    if (!this.#open) return false;
    this.toggle(this.#open, false);
    return true;
  }

  // Another call fills the stage. A key that is pressed next must not go to a field that isn't shown any more.
  #leave() {
    this.#open = "";
    if ($("panel").contains(document.activeElement)) $("stage-name").focus({ preventScroll: true });
  }

  unread(call) {
    return this.#calls.written(call).filter((text) => !text.ours && !text.read).length;
  }

  // `path` and `size` are sentences: where the packets go, and what picture arrives.
  draw(call, path, size) {
    if (this.#call?.id !== call.id) {
      // Where another one of the same conversation fills the stage, what is written beside it is the same.
      const same = call.conversation && call.conversation === this.#call?.conversation;
      if (!same || this.#open !== "chat") this.#leave();
      for (const id of ["write-problem", "save-problem"]) problem($(id), null);
    }
    this.#call = call;
    show($("panel"), Boolean(this.#open));
    $("stage").classList.toggle("with-panel", Boolean(this.#open));
    show($("chat"), this.#open === "chat");
    show($("about"), this.#open === "about");
    $("panel-title").title = this.#open === "chat" ? this.#heading(call) : "";
    put($("panel-title"), this.#open === "chat" ? this.#heading(call) : "About this call");
    if (this.#open === "chat") this.#drawTexts(call);
    if (this.#open === "about") this.#drawAbout(call, path, size);
    this.#drawUnread(call);
    for (const [name, id] of Object.entries(OPENERS)) $(id).setAttribute("aria-expanded", String(this.#open === name));
  }

  #heading(call) {
    return `With ${[call, ...this.#calls.companions].map((each) => within(each.name)).join(", ")}`;
  }

  #drawTexts(call) {
    const texts = this.#calls.written(call);
    const several = this.#calls.companions.length > 0;
    this.#calls.markRead(call);
    const shown = texts.map(({ ours, name, text }) => ({ who: ours ? "You" : name, ours, text, named: several && !ours }));
    // A line runs as it is written, whichever way the name before it does.
    const drawn = redraw($("texts"), shown, ({ who, ours, text, named }) => make("li", { className: ours ? "ours" : "", dir: "auto" },
      make("b", { className: named ? "" : "unseen", dir: "auto", text: `${who}: ` }), make("span", { text })));
    if (drawn) $("texts").scrollTop = $("texts").scrollHeight;
  }

  #drawUnread(call) {
    const unread = this.unread(call);
    put($("unread"), String(unread));
    show($("unread"), unread > 0);
    $("c-chat").setAttribute("aria-label", unread ? `Write, ${unread} unread` : "Write");
    const last = this.#calls.written(call).at(-1);
    show($("last-text"), unread > 0 && this.#open !== "chat" && Boolean(last) && !last.ours);
    if (last) {
      put($("last-text-who"), last.name);
      put($("last-text-what"), last.text);
    }
  }

  #drawAbout(call, path, size) {
    put($("about-trust"), call.trust_words);
    $("about-trust").dataset.trust = call.trust;
    put($("about-node"), call.node);
    show($("save-form"), !call.contact);
    put($("about-words"), call.compared ? "The words match" : "Compare these words");
    show($("about-words").parentElement, !call.echo);
    drawWords($("phrase"), call);
    put($("phrase-text"), call.compared ? "You confirmed them." : call.phrase
      ? `Read them to each other. If ${call.contact ?? "the other person"} sees the same four, nobody is between you.`
      : "Both programs are still agreeing on them.");
    show($("about-compared"), Boolean(call.phrase) && !call.compared);
    if (call.phrase !== this.#words) unsettle($("about-compared"));
    this.#words = call.phrase;
    put($("path-full"), path);
    const quality = this.#calls.quality.get(call.id);
    redraw($("figures"), quality ? figures(quality, size) : [], ([name, value]) =>
      make("div", {}, make("dt", { text: name }), make("dd", { text: value })));
  }

  get #readers() {
    return { call: this.#call.id, all: this.#calls.conversation(this.#call).map((each) => each.id) };
  }

  async #write() {
    const text = $("write").value.trim();
    if (!text) return;
    const { call, all } = this.#writtenFor ?? this.#readers;
    this.#writtenFor = null;
    const now = this.#calls.conversation(this.#call);
    if (now.every((each) => each.id !== call)) {
      throw { sentence: `Nothing was sent: you wrote it for another call. This one is with ${within(this.#call.name)}.`, hint: "Send it again if it is for them." };
    }
    const came = now.filter((each) => !all.includes(each.id));
    if (came.length) {
      const names = came.map((each) => each.name).join(", ");
      throw { sentence: `Nothing was sent: it would reach ${names} too, who came in while you wrote.`, hint: "Send it again if it is for all." };
    }
    await this.#program.ask("write", { call, text });
    $("write").value = "";
  }

  async #save() {
    const name = wantedName("save-name");
    toast(await this.#program.ask("save-contact", { call: this.#call.id, name }));
    $("panel-title").focus();
  }
}

export function drawWords(list, call) {
  const words = call.phrase?.split(" ") ?? [];
  redraw(list, words, (word) => make("li", { text: word }));
}

function figures(quality, size) {
  return [
    ["Round trip", quality.round_trip_ms === null ? "not measured yet" : `${quality.round_trip_ms.toFixed(0)} ms`],
    ["Lost", `${quality.loss_percent.toFixed(1)} %, ${quality.lost} packets in all`],
    ["Jitter", quality.jitter_ms === null ? "–" : `${quality.jitter_ms.toFixed(0)} ms`],
    ["Picture", size ? `${size.width}×${size.height}, ${size.rate} a second` : "–"],
    ["Received", `${quality.received_kbps.toFixed(0)} kbit/s`],
    ["Sent", `${quality.sent_kbps.toFixed(0)} kbit/s`],
  ];
}
