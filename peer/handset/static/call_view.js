// In a call: the pictures, the controls, how good it is, and what has to be said about it.

import { $, announce, avatar, duration, make, onSubmit, problem, put, redraw, say, setIcon, show } from "./dom.js";
import { troubleInWords, why } from "./devices.js";
import { DIFFERED } from "./ended.js";
import { OwnPicture } from "./own_picture.js";
import { JoinQuestion } from "./join_question.js";
import { People } from "./people.js";
import { attachPicture } from "./picture.js";
import { whenReleased } from "./gestures.js";
import { Playback } from "./playback.js";
import { PluggedIn } from "./plugged_in.js";
import { settles, unsettle } from "./settled.js";
import { drawWords, SidePanel } from "./side_panel.js";
import { wantedName, within } from "./names.js";
import { SharingBar } from "./sharing_bar.js";
import { Speaker } from "./speaker.js";
import { toast } from "./toasts.js";

const ECHO = "You see and hear yourself, as a friend would. Nobody else is in this call.";

const BEGINS_OFF = "Your microphone and camera are off: this call was begun or taken off hold in a chat that isn't only yours. Turn them on here.";
const PAUSED = "The connection is slow: picture paused, sound goes on.";
const pausedFor = (names) => `The connection to ${names} is slow: your picture is paused for them, sound goes on.`;

// The figures are one tap away, under About.
const GRADES = { "": "Measuring", good: "Good connection", fair: "Fair connection", bad: "Poor connection" };

export class CallView {
  panel;
  #program;
  #calls;
  #world;
  #call = null;
  #own = new OwnPicture();
  #playback = new Playback();
  #people;
  #question;
  #speaker = new Speaker($("remote-audio"));
  #pluggedIn = new PluggedIn();
  #sharing = new SharingBar();
  #notices = new Map();
  #compared = new Set();
  // Those whose other side isn't to be saved now, and the one that the page offers to save.
  #notKept = new Set();
  #kept = null;
  // The call whose words are shown, and the words.
  #words = null;
  #size = null;

  constructor(program, calls, dialogs, world) {
    this.#program = program;
    this.#calls = calls;
    this.#world = world;
    this.panel = new SidePanel(program, calls);
    this.#people = new People(calls, this.#playback);
    this.#question = new JoinQuestion(calls);
    this.panel.addEventListener("changed", () => whenReleased(() => this.draw(this.#call)));
    const press = (id, act) => $(id).addEventListener("click", act);
    const more = (id, act) => press(id, () => { $("more").close(); act(); });
    press("c-mic", () => this.mute());
    press("c-camera", () => this.camera());
    press("c-screen", () => this.share());
    press("c-devices", () => dialogs.settings());
    press("c-full", () => this.fullScreen());
    press("c-more", () => $("more").showModal());
    more("m-screen", () => this.share());
    more("m-devices", () => dialogs.settings());
    more("m-full", () => this.fullScreen());
    press("take-here", () => calls.takeHere(this.#call.id));
    press("c-hold", () => this.hold());
    more("m-hold", () => this.hold());
    press("held-resume", () => calls.resume(this.#call.id));
    press("held-aside", () => calls.setAside(true));
    press("c-hangup", () => calls.hangUp());
    press("words-done", () => this.#match(this.#words, "stage-name"));
    press("words-differ", () => this.#differ(this.#words?.id));
    press("about-match", () => this.#match(this.#call, "panel-title"));
    press("about-differ", () => this.#differ(this.#call.id));
    press("keep-not", () => this.#keepNot());
    onSubmit("keep-form", "keep-problem", () => this.#keep());
    press("offer-use", () => this.#pluggedIn.use());
    press("offer-refuse", () => this.#pluggedIn.refuse());
    this.#pluggedIn.addEventListener("changed", () => whenReleased(() => this.#drawOffer()));
    this.#pluggedIn.addEventListener("used", ({ detail: kind }) => this.useDevice(kind));
    addEventListener("fullscreenchange", () => this.#drawFull());
    new ResizeObserver(() => this.#fit()).observe($("pictures"));
    $("remote-video").addEventListener("resize", () => this.#fit());
    for (const id of ["c-screen", "m-screen"]) show($(id), Boolean(navigator.mediaDevices?.getDisplayMedia));
    for (const id of ["c-full", "m-full"]) show($(id), document.fullscreenEnabled);
    this.#playback.addEventListener("told", ({ detail: sentence }) => {
      announce(sentence);
      toast(sentence);
    });
    this.#playback.addEventListener("changed", () => whenReleased(() => this.draw(this.#call)));
    this.#speaker.addEventListener("told", ({ detail: sentence }) => {
      if (!this.#calls.current) return;
      announce(sentence);
      toast(sentence);
    });
    setInterval(() => this.#everySecond(), 1000);
  }

  // What the person does.

  get #sending() {
    const call = this.#calls.current;
    return call ? this.#calls.media(call.id)?.sending : null;
  }

  mute() {
    const sending = this.#sending;
    if (!sending) return;
    if (!sending.audio) {
      sending.mute(false);
      sending.again("mic").catch((error) => this.#failed(error, "mic"));
      return;
    }
    // Off is off in every call that is here; on is for the one that is shown.
    if (sending.muted) sending.mute(false);
    else for (const each of this.#calls.sendings) each.mute(true);
    announce(sending.muted ? "Muted" : "No longer muted");
  }

  // Put the call on hold. What takes it off opens a microphone, and has a button that settles.
  hold() {
    const call = this.#calls.current;
    if (call && !call.on_hold && ["active", "reconnecting"].includes(call.state)) this.#calls.hold(call.id);
  }

  // Another call is shown than before. One on hold comes up when the other one ends, perhaps under a press for that one.
  comesUp(call) {
    $("c-hangup").toggleAttribute("data-settles", Boolean(call?.on_hold));
    unsettle($("stage"));
  }

  // The other side has put the call on hold: a quiet tone now and then, at the page that would have its sound.
  holdTone(call, tone) {
    if (call?.handset && this.#calls.isHeld(call)) tone.start();
    else tone.stop();
  }

  async camera() {
    const sending = this.#sending;
    if (!sending || this.#calls.current.media !== "video") return;
    try {
      const off = Boolean(sending.camera);
      await Promise.all((off ? [...this.#calls.sendings] : [sending]).map((each) => each.turnCamera(off)));
      announce(sending.camera ? "Camera on" : "Camera off");
    } catch (error) {
      this.#failed(error, "camera");
    }
  }

  async share() {
    const sending = this.#sending;
    if (!sending || this.#calls.current.media !== "video") return;
    try {
      await sending.share();
    } catch (error) {
      // To close the browser's own question is to change one's mind, and no problem.
      if (error.name !== "NotAllowedError") this.#failed(error, "screen");
    }
  }

  // Another device, or what is done with it, was chosen: the call that is up takes it at once. `kind` may be
  // `filters` or `size`, too.
  useDevice(kind) {
    if (kind === "speaker") return this.sound();
    const sending = this.#sending;
    if (kind === "size") return sending?.resize();
    if (kind === "filters") return sending?.refilter().catch((error) => this.#failed(error, "mic"));
    const used = kind === "mic" ? sending?.audio : sending?.camera;
    if (used) sending.again(kind).catch((error) => this.#failed(error, kind));
    return undefined;
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else $("stage").requestFullscreen?.().catch(() => {});
  }

  notice(said) {
    if (this.#notices.get(said.call)?.sentence === said.sentence) return;
    this.#notices.set(said.call, said);
    announce(said);
    this.#calls.dispatchEvent(new Event("changed"));
  }

  #failed(error, what) {
    toast(why(error, what), { urgent: true });
  }

  // What is seen.

  draw(call) {
    if (!call) return;
    if (this.#call?.id !== call.id) this.#size = null;
    this.#call = call;
    if (!["active", "reconnecting"].includes(call.state)) return;
    const names = this.#calls.names(call);
    put($("stage-name"), names);
    $("stage-name").title = names;
    this.#question.draw(call);
    const { circle } = [call, ...this.#calls.companions].find((each) => each.circle) ?? {};
    say($("circle-text"), circle && { kind: "conversation.circle", sentence: circle });
    show($("circle"), Boolean(circle));
    const theirs = call.remote_automatic && !this.#notices.has(call.id);
    const tag = call.echo ? "test call" : call.automatic ? "answered automatically" : theirs ? "their program answered" : "";
    put($("stage-tag"), tag);
    show($("stage-tag"), Boolean(tag));
    put($("stage-path-text"), this.#alone(call) ? "On this machine only, no privacy" : "Direct and private");
    setIcon($("stage-path"), this.#alone(call) ? "i-warning" : "i-shield");
    show($("stage-path"), Boolean(call.path));
    this.#drawHeld(call);
    show($("reconnecting"), call.state === "reconnecting");
    say($("reconnecting-text"), call.state === "reconnecting" ? call : null);
    const waits = call.begins_off && this.#sending?.muted && this.#sending.cameraOff;
    const trouble = call.handset && this.#sending ? troubleInWords(this.#sending.trouble) || (waits ? BEGINS_OFF : "") : "";
    const notice = !call.echo ? this.#notices.get(call.id) : trouble ? null : { kind: call.kind, sentence: ECHO };
    say($("stage-notice-text"), notice);
    show($("stage-notice"), Boolean(notice));
    put($("stage-devices-text"), trouble);
    show($("stage-devices"), Boolean(trouble));
    this.#drawSlow(call);
    this.#pluggedIn.follow(call.handset ? this.#sending : null);
    this.#sharing.draw(call.handset ? this.#sending : null);
    this.#drawPictures(call);
    this.#people.draw();
    this.#drawControls(call);
    this.#drawWords(call);
    this.panel.draw(call, this.#path(call), this.#size);
    this.#drawOthers();
    this.#everySecond();
  }

  #drawOffer() {
    const offered = this.#pluggedIn.offered;
    if (offered) put($("stage-offer-text"), `${offered} was plugged in.`);
    show($("stage-offer"), Boolean(offered));
    unsettle($("stage-offer"));
  }

  // Each person of a conversation has a path of their own: a narrow one takes our picture from nobody else.
  #drawSlow(call) {
    const all = [call, ...this.#calls.companions];
    const slow = all.filter((each) => each.state === "active" && each.handset && this.#pauses(this.#calls.media(each.id)));
    const names = slow.map((each) => each.name).join(", ");
    put($("stage-slow-text"), all.length > 1 && names ? pausedFor(names) : names ? PAUSED : "");
    show($("stage-slow"), slow.length > 0);
  }

  #pauses(media) {
    return media?.path?.paused && media.sending.state.video;
  }

  #drawHeld(call) {
    const held = call.state === "active" && (call.on_hold || call.remote_on_hold);
    const theirs = this.#calls.isHeld(call) ? "You are on hold" : `${call.name} has you on hold`;
    put($("held-title"), call.on_hold ? this.#calls.onHold(call).slice(0, -1) : theirs);
    const ours = `Your microphone and camera are off, and you don't hear ${within(this.#calls.names(call))}.`;
    say($("held-text"), held ? { kind: call.kind, sentence: call.on_hold ? ours : call.sentence } : null);
    $("held").dataset.by = call.on_hold ? "us" : "them";
    for (const id of ["held-resume", "held-aside"]) show($(id), call.on_hold);
    show($("held"), held);
  }

  // Sound that arrives plays at once, if the browser lets it, on the speaker that was chosen.
  sound() {
    const call = this.#calls.current;
    const track = (call && this.#calls.media(call.id)?.tracks.audio) ?? null;
    this.#playback.attach($("remote-audio"), track);
    this.#speaker.use();
    put($("stage-hear-text"), call ? `Tap or click anywhere to hear ${within(this.#calls.names(call))}.` : "");
    show($("stage-hear"), this.#playback.blocked);
  }

  #drawPictures(call) {
    const media = this.#calls.media(call.id);
    this.sound();
    const theirs = call.remote ? call.remote.video || call.remote.screen : true;
    const track = (theirs && media?.tracks.video) || null;
    attachPicture($("remote-video"), track);
    show($("remote-video"), Boolean(track));
    show($("remote-empty"), !track && call.state !== "reconnecting" && $("held").hidden);
    avatar($("remote-avatar"), call.name, call.node);
    put($("remote-state"), this.#remoteState(call));
    show($("take-here"), call.elsewhere != null && !call.on_hold);
    put($("remote-muted-text"), `${call.name} is muted`);
    show($("remote-muted"), Boolean(call.remote && !call.remote.audio));
    $("pictures").classList.toggle("shows-screen", Boolean(call.remote?.screen));
    this.#own.draw(call, media?.sending);
  }

  // Loopback is a path too, and hides nothing from anybody on this machine.
  #alone(call) {
    return Boolean(call.path) && this.#world.overlay?.name === "Loopback";
  }

  #path(call) {
    return this.#alone(call) ? `${call.path} On this machine only, no privacy.` : call.path;
  }

  // Fill the stage if that cuts off little, else show the whole picture: no head is lost for a look.
  #fit() {
    const { videoWidth, videoHeight } = $("remote-video");
    const { width, height } = $("pictures").getBoundingClientRect();
    if (!videoWidth || !height) return;
    const ratio = (videoWidth / videoHeight) / (width / height);
    $("pictures").classList.toggle("whole", Math.min(ratio, 1 / ratio) < .85);
  }

  #remoteState(call) {
    if (call.elsewhere) return `This call is on your other device, ${call.elsewhere}.`;
    if (call.elsewhere === "") return "None of your pages has this call's sound and picture.";
    if (!call.handset) return `This call's sound and picture go to ${call.endpoint}.`;
    if (call.media === "audio") return "Sound only";
    if (call.remote?.paused) return "Their connection is slow: picture paused, sound goes on.";
    if (call.remote && !call.remote.video && !call.remote.screen) return "Their camera is off";
    return "";
  }

  #drawControls(call) {
    const sending = this.#sending;
    const state = sending?.state ?? { audio: false, video: false, screen: false };
    this.#control("c-mic", state.audio ? "i-mic" : "i-mic-off", state.audio ? "Mute" : "Unmute", !state.audio, "M");
    const camera = state.video && !state.screen ? true : Boolean(sending?.camera);
    this.#control("c-camera", camera ? "i-camera" : "i-camera-off", camera ? "Camera off" : "Camera on", !camera, "V");
    this.#control("c-screen", "i-screen", state.screen ? "Stop sharing" : "Share screen", false, "S");
    $("c-screen").classList.toggle("on", state.screen);
    $("c-mic").disabled = !call.handset;
    for (const id of ["c-camera", "c-screen", "m-screen"]) $(id).disabled = call.media !== "video" || !call.handset;
    for (const id of ["c-mic", "c-camera", "c-screen", "m-screen"]) $(id).disabled ||= call.on_hold;
    for (const id of ["c-hold", "m-hold"]) $(id).disabled = call.on_hold;
    put($("m-screen").querySelector("span"), state.screen ? "Stop sharing" : "Share screen");
    this.#drawFull();
  }

  #control(id, symbol, label, off, key) {
    const button = $(id);
    setIcon(button, symbol);
    put(button.querySelector(".text"), label);
    button.title = `${label} (${key})`;
    button.classList.toggle("off", off);
  }

  #drawFull() {
    const full = Boolean(document.fullscreenElement);
    this.#control("c-full", full ? "i-collapse" : "i-expand", full ? "Leave full screen" : "Full screen", false, "F");
    put($("m-full").querySelector("span"), full ? "Leave full screen" : "Full screen");
  }

  // The four words of a first call, until the person has seen them: only comparing them shows that nobody is between.
  #drawWords(call) {
    const several = this.#calls.companions.length > 0;
    const compared = (each) => each.compared || this.#compared.has(each.id);
    const wait = (each) => Boolean(each.phrase) && !each.echo && (!each.paired || each.to_confirm) && each.handset && !compared(each);
    const due = [call, ...this.#calls.companions].find(wait);
    show($("words"), Boolean(due));
    if (due?.id !== this.#words?.id || due?.phrase !== this.#words?.phrase) unsettle($("words"));
    $("words").classList.toggle("in-about", due === call);
    this.#words = due ?? null;
    this.#drawKeep(due ? null : [call, ...this.#calls.companions].find((each) => each.compared && !each.contact && !this.#notKept.has(each.id)));
    if (!due) return;
    drawWords($("words-list"), due);
    const waits = due.trust === "unproven" && this.#world.contacts.find((each) => each.node === due.node)?.waits;
    const how = due.trust === "unproven" ? `This call doesn't have the key that you share with ${due.name}${waits ? `, so ${waits}` : ""}. ` : "";
    put($("words-doubt"), how);
    put($("words-how"), `Compare these words with ${due.contact ?? (several ? within(due.name) : "the other person")} by voice.`);
  }

  // The four words of that call match. What is pressed goes; the element with the id `next` takes its place.
  #match(call, next) {
    if (!call) return;
    this.#compared.add(call.id);
    this.#confirm(call.id, call.phrase);
    this.draw(this.#call);
    $(next).focus({ preventScroll: true });
  }

  #differ(id) {
    if (!id) return;
    const several = this.#calls.companions.length > 0;
    this.#calls.differ(id);
    // The page of the call says it when the last one has ended.
    if (several) toast(DIFFERED, { urgent: true, seconds: 30 });
  }

  async #confirm(call, words) {
    try {
      const said = await this.#program.ask("confirm-words", { call, words });
      // Who isn't saved yet is offered to be saved instead, with the same words.
      if (this.#kept) announce($("keep-text").textContent);
      else toast(said);
    } catch (error) {
      this.#compared.delete(call);
      toast(error, { urgent: true });
      this.draw(this.#call);
    }
  }

  // Whose words were compared can be saved at once.
  #drawKeep(call) {
    if (call?.id !== this.#kept?.id) {
      $("keep-name").value = "";
      problem($("keep-problem"), null);
      unsettle($("keep"));
    }
    this.#kept = call ?? null;
    show($("keep"), Boolean(call));
  }

  #keepNot() {
    this.#notKept.add(this.#kept.id);
    this.draw(this.#call);
    $("stage-name").focus({ preventScroll: true });
  }

  async #keep() {
    const name = wantedName("keep-name");
    toast(await this.#program.ask("save-contact", { call: this.#kept.id, name }));
    $("stage-name").focus({ preventScroll: true });
  }

  #drawOthers() {
    const others = this.#calls.others;
    const rows = others.map((call) => ({ id: call.id, name: this.#calls.names(call), sentence: call.on_hold ? this.#calls.onHold(call) : call.sentence, on_hold: call.on_hold }));
    redraw($("others"), rows, ({ id, name, sentence, on_hold }) => {
      const end = make("button", {
        className: "button small", type: "button", text: "Hang up", "aria-label": `Hang up on ${within(name)}`, "data-hold": `end ${id}`,
      });
      end.addEventListener("click", () => this.#program.send("hang-up", { call: id }));
      if (!on_hold) return make("li", {}, make("span", { text: sentence }), end);
      const swap = settles(make("button", {
        className: "button small primary", type: "button", text: "Swap", "aria-label": `Swap to ${within(name)}`, "data-hold": `swap ${id}`,
      }));
      swap.addEventListener("click", () => this.#calls.resume(id));
      const merge = settles(make("button", { className: "button small", type: "button", text: "Merge calls", "data-hold": `merge ${id}` }));
      merge.addEventListener("click", () => this.#calls.merge().catch((error) => toast(error, { urgent: true })));
      return make("li", {}, make("span", { text: sentence }), make("span", { className: "others-acts" }, swap, merge, end));
    });
    show($("others"), Boolean(others.length));
  }

  async #everySecond() {
    const call = this.#call;
    if (call?.state === "reconnecting") {
      put($("quality-text"), "No connection");
      $("stage-quality").dataset.grade = "bad";
    }
    if (call?.state !== "active") return;
    put($("stage-timer"), call.connected_at ? duration(Date.now() / 1000 - call.connected_at) : "");
    const leg = this.#calls.media(call.id)?.leg;
    this.#size = leg ? await leg.received().catch(() => null) : null;
    const quality = this.#calls.quality.get(call.id);
    const graded = quality ? grade(quality) : "";
    put($("quality-text"), GRADES[graded]);
    $("stage-quality").dataset.grade = graded;
    if (this.#call === call) this.panel.draw(call, this.#path(call), this.#size);
  }
}

function grade(quality) {
  if (quality.loss_percent > 5 || (quality.round_trip_ms ?? 0) > 400) return "bad";
  return quality.loss_percent > 1 || (quality.round_trip_ms ?? 0) > 200 ? "fair" : "good";
}
