// The calls that the program has told of, and this page's sound and picture in them.

import { AudioFirst } from "./audio_first.js";
import { STRANGER, announce } from "./dom.js";
import { Leg } from "./leg.js";
import { within } from "./names.js";
import { Sending } from "./sending.js";
import { SwitchedOff } from "./switched_off.js";
import { toast } from "./toasts.js";

// Links that tell the other side that the call is over.
const SAYS_SO = ["link.refusal", "link.cancel"];

// How many calls are kept that are over and seen. The page may stay open for weeks, and others may call again and again.
const SEEN_KEPT = 100;

// Tells the lines that were written in a call apart.
const same = ({ call, ours, at, text }) => JSON.stringify([call, ours, at, text]);

export class Calls extends EventTarget {
  #program;
  #calls = new Map();
  #media = new Map();
  #dismissed = new Set();
  #off = new SwitchedOff();
  // Whether a voice message was recorded after a call that isn't sent yet: its page stays.
  unsent = () => false;
  // The person has gone on to something else while the call is on hold.
  aside = false;
  // The id of the call that the person wants to see large, of several that are one conversation.
  #front = null;
  // The id of the call that the page shows: the one that a person means by a button or a key.
  drawn = null;
  // The ids of those whose link that says so was copied.
  #copied = new Set();
  links = new Map();
  texts = new Map();
  quality = new Map();
  notes = new Map();

  constructor(program) {
    super();
    this.#program = program;
    program.addEventListener("call", ({ detail }) => this.#take(detail));
    program.addEventListener("link", ({ detail }) => this.#keep(this.links, detail.call, detail));
    program.addEventListener("said", ({ detail }) => this.#keep(this.notes, detail.call, detail));
    program.addEventListener("quality", ({ detail }) => this.#keep(this.quality, detail.call, detail));
    program.addEventListener("text", ({ detail }) => {
      this.#write(detail);
      this.#changed();
    });
    program.addEventListener("remote-media", ({ detail }) => {
      const call = this.#calls.get(detail.call);
      if (call) this.#take({ ...call, remote: detail.remote });
    });
    program.addEventListener("offer", ({ detail }) => this.#offered(detail));
  }

  // The link that says that this call is over, if the person has to send it.
  linkThatSaysSo(call) {
    const link = this.links.get(call.id);
    return call.state === "ended" && !call.connected_at && SAYS_SO.includes(link?.kind) ? link : null;
  }

  // Whether the page of this call, which is over, offers to save who was in it: the program knows the key of the call
  // that was connected last.
  canBeSaved(call) {
    const later = (each) => !each.echo && (each.connected_at ?? 0) > call.connected_at;
    return call.state === "ended" && !call.contact && Boolean(call.connected_at) && !call.differed && ![...this.#calls.values()].some(later);
  }

  // The call that fills the page: the newest that isn't only ringing, before one on hold; one that has ended stays until
  // it is put away. Beside a call on hold the page shows one that reached no one, which asks what to do about that, one
  // whose end the other side has yet to be told, and one with somebody to save.
  get current() {
    const calls = [...this.#calls.values()].filter((call) => call.state !== "ringing" && (!this.#dismissed.has(call.id) || this.unsent(call.id)) && this.#leads(call));
    const lives = calls.filter((call) => call.state !== "ended");
    const last = calls.at(-1) ?? null;
    const asks = last?.state === "ended" && ((last.role === "caller" && !last.connected_at) || this.linkThatSaysSo(last) || this.canBeSaved(last));
    return lives.findLast((call) => !call.on_hold) ?? (asks ? last : lives.at(-1) ?? last);
  }

  // Several calls that are one conversation are shown by the first of them that is up.
  #leads(call) {
    return call.state === "ended" || this.conversation(call)[0] === call;
  }

  // The calls that are one conversation with this one: those that are heard first, of those the one that was chosen, and
  // those that are only being connected last. Who has put us on hold gives way to those who are there.
  conversation(call) {
    if (!call.conversation) return [call];
    const all = [...this.#calls.values()].filter((each) => each.conversation === call.conversation && each.state !== "ended");
    const rank = (each) => (!["active", "reconnecting"].includes(each.state) ? 2 : each.on_hold ? 1 : each.id === this.#front ? 0 : each.remote_on_hold ? .7 : .5);
    return all.sort((one, other) => rank(one) - rank(other));
  }

  // The others of the conversation that is shown.
  get companions() {
    const current = this.current;
    return current ? this.conversation(current).filter((call) => call.id !== current.id) : [];
  }

  // All who are in it with us.
  names(call) {
    return this.conversation(call).map((each) => each.name).join(", ");
  }

  // That we have put it on hold.
  onHold(call) {
    const several = this.conversation(call).length > 1;
    return several ? `Your conversation with ${this.names(call)} is on hold.` : `${call.name} is on hold.`;
  }

  // The other side has put us on hold; in a conversation all have.
  isHeld(call) {
    return call.state === "active" && !call.on_hold && this.conversation(call).every((each) => each.remote_on_hold);
  }

  // The lines that were written beside a call, and in its conversation, with the name of who wrote them.
  written(call) {
    const all = this.conversation(call).flatMap((each) => (this.texts.get(each.id) ?? []).map((text) => ({ ...text, name: each.name })));
    return this.conversation(call).length > 1 ? all.sort((one, other) => one.at - other.at) : all;
  }

  // Let somebody of the conversation that is shown fill the stage.
  enlarge(id) {
    this.#front = id;
    this.#changed();
  }

  // All that is written there has been seen.
  markRead(call) {
    for (const each of this.conversation(call)) for (const text of this.texts.get(each.id) ?? []) text.read = true;
  }

  merge() {
    return this.#program.ask("merge", {});
  }

  answerQuestion(id, agrees, question) {
    return this.#program.ask("answer-question", { call: id, agrees, question });
  }

  get ringing() {
    return [...this.#calls.values()].filter((call) => call.state === "ringing");
  }

  get others() {
    const current = this.current;
    const shown = current ? this.conversation(current) : [];
    return [...this.#calls.values()].filter((call) => call !== current && !shown.includes(call) && this.#leads(call) && !["ringing", "ended"].includes(call.state));
  }

  name(id) {
    return this.#calls.get(id)?.name;
  }

  media(id) {
    return this.#media.get(id) ?? null;
  }

  begin(hello) {
    this.leave();
    for (const id of this.#calls.keys()) if (!this.unsent(id)) this.#calls.delete(id);
    const read = [...this.texts.values()].flat().filter((text) => text.read).map(same);
    for (const told of [this.texts, this.links, this.notes]) told.clear();
    for (const call of hello.calls) this.#calls.set(call.id, call);
    for (const text of hello.texts) this.#write({ ...text, read: read.includes(same(text)) });
    for (const link of hello.links) this.links.set(link.call, link);
    for (const note of hello.notes) this.notes.set(note.call, note);
    for (const call of hello.calls) this.#prepare(call);
    for (const call of hello.calls) this.#offerLink(call);
  }

  // Another page has the calls, or the program is gone: let go of camera and microphone, and of what rings.
  leave() {
    for (const call of this.ringing) this.#calls.delete(call.id);
    for (const id of [...this.#media.keys()]) this.#end(id);
  }

  // The call that is shown, up or waiting. If it has ended meanwhile, that is all that was wanted.
  hangUp() {
    const call = this.#calls.get(this.drawn);
    if (call && call.state !== "ended") this.#program.send("hang-up", { call: call.id });
  }

  // The four words of that call don't match.
  differ(id) {
    this.#program.send("hang-up", { call: id, words_differ: true });
  }

  hold(id) {
    this.#program.send("hold", { call: id });
  }

  // Take a call off hold, and put the one on hold that is up.
  resume(id) {
    this.#program.send("resume", { call: id });
  }

  setAside(aside) {
    this.aside = aside;
    this.#changed();
  }

  // Have sound and picture come to this page.
  takeHere(id) {
    this.#program.send("take-here", { call: id });
  }

  // Who was in a call that has ended was saved under that name.
  saved(id, name) {
    const call = this.#calls.get(id);
    const sentence = [STRANGER, within(STRANGER)].reduce((said, stranger) => said.replaceAll(stranger, name), call.sentence);
    this.#calls.set(id, { ...call, name, contact: name, sentence });
    this.#changed();
  }

  // An ended call has been seen. So have those that ended before it: they are in the log.
  putAway(id) {
    this.#dismiss(id);
    this.#putEndedAway();
    this.#changed();
  }

  // The link that says that this call is over was copied from its page, which stays until another takes its place.
  copied(id) {
    this.#copied.add(id);
  }

  // It was copied where the page shows another call.
  told(id) {
    this.#dismiss(id);
    this.#changed();
  }

  // A link that is still to be sent isn't in the log, nor is the key with which somebody is saved.
  #putEndedAway() {
    for (const [id, call] of this.#calls) {
      const asks = (this.linkThatSaysSo(call) && !this.#copied.has(id)) || this.canBeSaved(call);
      if (call.state === "ended" && !asks) this.#dismiss(id);
    }
  }

  // The program keeps what such a page asks for one that is loaded again.
  #dismiss(id) {
    if (this.#calls.get(id)?.state === "ended" && !this.#dismissed.has(id)) this.#program.send("seen-end", { call: id });
    this.#dismissed.add(id);
  }

  #forgetOld() {
    const seen = [...this.#calls.values()].filter((call) => call.state === "ended" && this.#dismissed.has(call.id) && !this.unsent(call.id));
    for (const { id } of seen.slice(0, -SEEN_KEPT)) {
      for (const kept of [this.#calls, this.links, this.texts, this.quality, this.notes, this.#copied]) kept.delete(id);
    }
  }

  // Says that there is a link to send where the page shows another call.
  #offerLink(call) {
    const link = this.linkThatSaysSo(call);
    if (!link || this.#dismissed.has(call.id) || this.current === call) return;
    this.dispatchEvent(new CustomEvent("to-send", { detail: { call, link } }));
  }

  #take(call) {
    const before = this.#calls.get(call.id);
    // A call of somebody else that ended without us is in the log. It needs no page of its own, unless we declined and
    // there is a link to send that says so. A call of our own may fail before it begins: its page says why.
    const unseen = before ? before.state === "ringing" : call.role !== "caller" || call.connected_at;
    const aside = call.state === "ended" && Boolean(unseen);
    if (aside && !this.linkThatSaysSo(call)) this.#dismissed.add(call.id);
    // Those that have ended are in the order of their ends.
    if (call.state === "ended" && before?.state !== "ended") this.#calls.delete(call.id);
    // Another page of the owner's has taken it: let go of camera and microphone.
    if (call.state === "ended" || call.elsewhere != null || call.on_hold) this.#end(call.id);
    // Fewer kinds were agreed on than were asked for: a camera that nobody looks through is turned off.
    if (call.media === "audio" && this.conversation(call).every((each) => each.media === "audio")) this.#media.get(call.id)?.sending.onlySound();
    // Who goes on to another call has seen how the ones before it ended.
    if (!["ringing", "ended"].includes(call.state) && (!before || before.state === "ringing")) this.#putEndedAway();
    this.#calls.set(call.id, call);
    // It may have been muted before it was connected.
    if (this.#media.has(call.id)) this.#off.keep(call, this.#media.get(call.id).sending);
    if (!this.current?.on_hold) this.aside = false;
    if (call.state === "ended") this.#off.forget(call);
    this.#forgetOld();
    this.#prepare(call);
    this.#changed();
    if (aside) this.#offerLink(call);
  }

  // Ask for camera and microphone while it connects, so that both are there when it is up.
  #prepare(call) {
    if (!call.handset || call.on_hold || !["calling", "connecting", "active", "reconnecting"].includes(call.state)) return;
    if (call.state === "calling" && call.role === "caller" && !call.connected_at && this.#media.has(call.id)) return;
    this.#of(call.id, call.media);
  }

  // What this page sends, in all calls that are here.
  get sendings() {
    return new Set([...this.#media.values()].map((each) => each.sending));
  }

  // How a call begins here: with what was switched off in it, or is in another call beside it.
  #begins(call) {
    const kept = this.#off.of(call);
    const others = [...this.sendings];
    return {
      muted: kept.muted || others.some((each) => each.muted),
      cameraOff: kept.cameraOff || others.some((each) => each.cameraOff),
    };
  }

  #of(id, kinds) {
    let media = this.#media.get(id);
    if (!media) {
      // There is one microphone and one camera, also for several calls that are one conversation.
      const call = this.#calls.get(id);
      const shared = call && this.conversation(call).map((each) => this.#media.get(each.id)?.sending).find(Boolean);
      const sending = shared ?? new Sending(kinds, this.#begins(call));
      media = { sending, leg: null, path: null, tracks: {} };
      this.#media.set(id, media);
      sending.addEventListener("changed", () => {
        this.#off.keep(this.#calls.get(id), sending);
        this.#tellMedia(id);
        this.#changed();
      });
      if (shared) return media;
      sending.addEventListener("told", ({ detail: sentence }) => {
        announce(sentence);
        toast(sentence);
      });
      sending.start();
    }
    return media;
  }

  async #offered({ call: id, leg: number, sdp }) {
    const call = this.#calls.get(id);
    if (!call || call.state === "ended") return;
    // The offer may come before the news that the call is here now.
    this.#calls.set(id, { ...call, handset: true, elsewhere: null, on_hold: false });
    const media = this.#of(id, call.media);
    if (media.leg?.number === number) {
      await this.#answer(id, media, media.leg, sdp);
      return;
    }
    media.leg?.close();
    media.path?.stop();
    const leg = new Leg(media.sending, number);
    media.leg = leg;
    media.path = new AudioFirst(leg);
    media.path.addEventListener("changed", () => {
      this.#tellMedia(id);
      this.#changed();
    });
    media.tracks = {};
    leg.addEventListener("track", ({ detail: track }) => {
      media.tracks[track.kind] = track;
      this.dispatchEvent(new Event("sounds"));
      this.#changed();
    });
    leg.addEventListener("state", ({ detail: state }) => {
      if (media.leg !== leg) return;
      if (state === "connected") this.#tellMedia(id);
      if (state === "failed") this.#program.send("want-offer", { call: id });
    });
    await this.#answer(id, media, leg, sdp);
  }

  async #answer(id, media, leg, sdp) {
    try {
      const answer = await leg.answer(sdp);
      if (media.leg === leg) this.#program.send("media-answer", { call: id, leg: leg.number, sdp: answer });
    } catch {
      if (media.leg === leg) toast("Your browser can't play this call.", { urgent: true });
    }
  }

  #tellMedia(id) {
    const media = this.#media.get(id);
    if (!media?.leg) return;
    const { audio, video, screen } = media.sending.state;
    const paused = video && media.path.paused;
    this.#program.send("set-media", { call: id, audio, video: video && !paused, screen: screen && !paused, paused });
  }

  #end(id) {
    const media = this.#media.get(id);
    this.#media.delete(id);
    media?.leg?.close();
    media?.path?.stop();
    const used = [...this.#media.values()].some((each) => each.sending === media?.sending);
    if (!used) media?.sending.stop();
  }

  #write(text) {
    const texts = this.texts.get(text.call) ?? [];
    texts.push(text);
    this.texts.set(text.call, texts.slice(-200));
  }

  #keep(where, id, value) {
    where.set(id, value);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}
