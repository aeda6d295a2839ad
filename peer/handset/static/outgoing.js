// We call: the link to send, and the answer to paste; or it is being connected.

import { troubleInWords } from "./devices.js";
import { $, avatar, copy, onSubmit, picture, problem, put, say, show } from "./dom.js";
import { within } from "./names.js";
import { sayNetwork } from "./network.js";
import { attachPicture } from "./picture.js";
import { ringback } from "./sounds.js";

const PATIENCE = 5_000; // ms
const NO_ANSWER = "No answer yet. Are they still there?";

const SEND_BACK = "Now send this answer back in the chat the link came from";

export class Outgoing {
  #calls;
  #dialogs;
  #world;
  #call = null;
  #silenced = new Set();
  // The call that is being connected and waits for nobody here, and whether that takes long.
  #connecting = null;
  #slow = false;
  #timer = 0;

  constructor(calls, dialogs, world) {
    this.#calls = calls;
    this.#dialogs = dialogs;
    this.#world = world;
    $("outgoing-cancel").addEventListener("click", () => calls.hangUp());
    $("outgoing-silence").addEventListener("click", () => this.silence());
    $("outgoing-copy").addEventListener("click", () => copy($("outgoing-copy"), calls.links.get(this.#call.id)?.link.text));
    onSubmit("answer-form", "answer-problem", () => this.#readAnswer());
  }

  draw(call) {
    if (this.#call?.id !== call.id) problem($("answer-problem"), null);
    this.#call = call;
    avatar($("outgoing-avatar"), call.name, call.node);
    const link = this.#calls.links.get(call.id);
    const answers = Boolean(link) && call.role === "callee";
    put($("outgoing-title"), answers ? SEND_BACK : call.name);
    const what = call.media === "video" ? "Video call" : "Audio call";
    const waiting = { kind: call.kind, sentence: answers ? `${what} with ${within(call.name)}` : `${what}, waiting for an answer` };
    this.#watch(call.state === "connecting" && !answers && !call.echo ? call.id : null);
    say($("outgoing-text"), call.state === "calling" || answers ? waiting : this.#slow ? { kind: call.kind, sentence: NO_ANSWER } : call);
    const sending = this.#calls.media(call.id)?.sending;
    const note = this.#calls.notes.get(call.id);
    say($("outgoing-said"), { ...note, hint: sending && troubleInWords(sending.trouble) });
    show($("outgoing-said"), Boolean($("outgoing-said").textContent));
    const { overlay } = this.#world;
    sayNetwork($("outgoing-network"), overlay, call);
    show($("outgoing-link"), Boolean(link));
    if (link) {
      say($("outgoing-link-text"), link);
      put($("outgoing-token"), link.link.text);
      picture($("outgoing-qr"), link.link.qr);
      show($("outgoing-qr").parentElement, Boolean(link.link.qr));
    }
    show($("answer-form"), Boolean(link) && call.role === "caller");
    put($("answer-label"), call.paired ? "Did they send a link back? Paste it here" : "Paste their answer here");
    put($("answer-connect"), call.paired ? "Use it" : "Connect");
    const own = sending?.picture ?? null;
    attachPicture($("outgoing-own"), own);
    show($("outgoing-own"), Boolean(own));
  }

  // The other side may have cancelled, or have gone.
  #watch(id) {
    if (id === this.#connecting) return;
    clearTimeout(this.#timer);
    this.#connecting = id;
    this.#slow = false;
    if (id === null) return;
    this.#timer = setTimeout(() => {
      this.#slow = true;
      if (!$("outgoing").hidden && this.#call.id === id) this.draw(this.#call);
    }, PATIENCE);
  }

  // It rings at the other side, as its program says; heard until the person wants it silent.
  ringback(call) {
    const rings = call?.state === "calling" && call.rings_there && !this.#silenced.has(call.id);
    if (rings) ringback.start();
    else ringback.stop();
    show($("outgoing-silence"), Boolean(rings));
  }

  // Returns whether there was anything to silence.
  silence() {
    if ($("outgoing-silence").hidden) return false;
    this.#silenced.add(this.#call.id);
    this.ringback(this.#call);
    $("outgoing-title").focus({ preventScroll: true });
    return true;
  }

  async #readAnswer() {
    // What is pasted is taken at once; this is for a keyboard that puts it there without pasting.
    const text = $("answer-text").value.trim();
    if (!text) throw { sentence: "Paste the link that they sent you.", hint: "" };
    await this.#dialogs.explain(text, { pasted: true });
    $("answer-text").value = "";
  }
}
