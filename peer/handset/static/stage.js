// One call: waiting for an answer, talking, and over.

import { $, announce, avatar, copy, duration, make, onSubmit, picture, problem, put, redraw, setIcon, show, toast } from "./dom.js";
import { chosen, why } from "./media.js";
import { ringback } from "./sounds.js";

const CORNERS = { ArrowUp: { s: "n" }, ArrowDown: { n: "s" }, ArrowLeft: { e: "w" }, ArrowRight: { w: "e" } };

export class Stage {
  #program;
  #calls;
  #dialogs;
  #call = null;
  #panel = "";
  #read = new Map();
  #notices = new Map();
  #silenced = new Set();
  #pictureSize = null;
  #world;

  constructor(program, calls, dialogs, world) {
    this.#world = world;
    this.#program = program;
    this.#calls = calls;
    this.#dialogs = dialogs;
    const press = (id, act) => $(id).addEventListener("click", act);
    press("c-mic", () => this.mute());
    press("c-camera", () => this.camera());
    press("c-screen", () => this.share());
    press("c-chat", () => this.panel("chat"));
    press("c-about", () => this.panel("about"));
    press("stage-quality", () => this.panel("about"));
    press("c-devices", () => dialogs.settings());
    press("c-full", () => this.fullScreen());
    press("c-more", () => $("more").showModal());
    press("m-screen", () => { $("more").close(); this.share(); });
    press("m-devices", () => { $("more").close(); dialogs.settings(); });
    press("m-full", () => { $("more").close(); this.fullScreen(); });
    press("c-hangup", () => this.hangUp());
    press("outgoing-cancel", () => this.hangUp());
    press("outgoing-silence", () => this.silence());
    press("panel-close", () => this.closePanel());
    press("last-text", () => this.panel("chat", true));
    press("outgoing-copy", () => this.#copyLink($("outgoing-copy")));
    press("ended-copy", () => this.#copyLink($("ended-copy")));
    press("ended-close", () => this.#calls.putAway(this.#call.id));
    press("ended-again", () => this.#again());
    onSubmit("write-form", "write-problem", () => this.#write());
    onSubmit("save-form", "save-problem", () => this.#save("save-name"));
    onSubmit("ended-save", "ended-problem", () => this.#save("ended-name"));
    onSubmit("answer-form", "answer-problem", () => this.#readAnswer());
    this.#movable($("own"));
    addEventListener("fullscreenchange", () => this.#drawFull());
    new ResizeObserver(() => this.#fit()).observe($("pictures"));
    $("remote-video").addEventListener("resize", () => this.#fit());
    show($("c-screen"), Boolean(navigator.mediaDevices?.getDisplayMedia));
    show($("m-screen"), Boolean(navigator.mediaDevices?.getDisplayMedia));
    setInterval(() => this.#everySecond(), 1000);
  }

  // What the person does.

  get #sending() {
    return this.#call ? this.#calls.media(this.#call.id)?.sending : null;
  }

  mute() {
    const sending = this.#sending;
    if (!sending) return;
    if (!sending.audio) {
      sending.mute(false);
      sending.again("mic").catch((error) => this.#failed(error, "microphone"));
      return;
    }
    sending.mute(!sending.muted);
    announce(sending.muted ? "Muted" : "Not muted any more");
  }

  async camera() {
    const sending = this.#sending;
    if (!sending || this.#call.media !== "video") return;
    try {
      await sending.turnCamera(Boolean(sending.camera));
      announce(sending.camera ? "Camera on" : "Camera off");
    } catch (error) {
      this.#failed(error, "camera");
    }
  }

  async share() {
    const sending = this.#sending;
    if (!sending || this.#call.media !== "video") return;
    try {
      await sending.share();
    } catch (error) {
      // Whoever closes the browser's own question has changed their mind; that is no problem.
      if (error.name !== "NotAllowedError") this.#failed(error, "screen");
    }
  }

  // Another device was chosen: the call that is up takes it at once.
  useDevice(kind) {
    if (kind === "speaker") return this.sound();
    const sending = this.#sending;
    const used = kind === "mic" ? sending?.audio : sending?.camera;
    if (used) sending.again(kind).catch((error) => this.#failed(error, kind === "mic" ? "microphone" : "camera"));
    return undefined;
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else $("stage").requestFullscreen?.().catch(() => {});
  }

  hangUp() {
    if (this.#call) this.#program.send("hang-up", { call: this.#call.id });
  }

  panel(name, open = this.#panel !== name) {
    this.#panel = open ? name : "";
    this.draw(this.#call);
    if (!open) $(name === "chat" ? "c-chat" : "c-about").focus();
    else if (name === "chat") $("write").focus();
    else $("panel-title").focus();
  }

  closePanel() {
    if (!this.#panel) return false;
    this.panel(this.#panel, false);
    return true;
  }

  notice(id, sentence) {
    if (this.#notices.get(id) === sentence) return;
    this.#notices.set(id, sentence);
    announce(sentence);
    this.#calls.dispatchEvent(new Event("changed"));
  }

  #failed(error, what) {
    const said = why(error, what);
    toast(`${said.sentence} ${said.hint}`, { urgent: true });
  }

  #copyLink(button) {
    const link = this.#calls.links.get(this.#call.id);
    if (link) copy(button, link.link.text);
  }

  async #again() {
    const { id, contact, node, media } = this.#call;
    try {
      await this.#program.ask("place", { whom: contact ?? node, media });
      this.#calls.putAway(id);
    } catch (error) {
      toast(`${error.sentence} ${error.hint}`, { urgent: true });
    }
  }

  async #write() {
    const text = $("write").value.trim();
    if (!text) return;
    await this.#program.ask("write", { call: this.#call.id, text });
    $("write").value = "";
  }

  async #save(field) {
    const { id, node } = this.#call;
    const name = $(field).value.trim();
    if (!name) throw { sentence: "A contact needs a name.", hint: "One word, such as anna." };
    if (this.#call.state === "ended") await this.#program.ask("add-contact", { name, whom: node });
    else await this.#program.ask("save-contact", { call: id, name });
    toast(`${name} is in your contacts.`);
    if (this.#call.state === "ended") show($("ended-save"), false);
  }

  async #readAnswer() {
    const text = $("answer-text").value.trim();
    if (!text) throw { sentence: "Paste the link that they sent back.", hint: "" };
    await this.#program.ask("act", { text: text.slice(0, 32768) });
    $("answer-text").value = "";
  }

  #movable(own) {
    const corner = (vertical, horizontal) => { own.dataset.corner = vertical + horizontal; };
    own.addEventListener("keydown", (event) => {
      const turn = CORNERS[event.key];
      if (!turn) return;
      event.preventDefault();
      const [vertical, horizontal] = own.dataset.corner;
      corner(turn[vertical] ?? vertical, turn[horizontal] ?? horizontal);
    });
    // It follows the pointer, and rests in the corner that is nearest to it.
    let from = null;
    own.addEventListener("pointerdown", (event) => {
      own.setPointerCapture(event.pointerId);
      from = { x: event.clientX, y: event.clientY };
    });
    own.addEventListener("pointermove", (event) => {
      if (from) own.style.transform = `translate(${event.clientX - from.x}px, ${event.clientY - from.y}px)`;
    });
    const rest = () => {
      if (!from) return;
      from = null;
      const box = $("pictures").getBoundingClientRect();
      const mine = own.getBoundingClientRect();
      own.style.transform = "";
      corner(
        mine.top + mine.height / 2 < box.top + box.height / 2 ? "n" : "s",
        mine.left + mine.width / 2 < box.left + box.width / 2 ? "w" : "e",
      );
    };
    own.addEventListener("pointerup", rest);
    own.addEventListener("pointercancel", rest);
  }

  // What is seen.

  #take(call) {
    if (this.#call?.id !== call.id) {
      this.#panel = "";
      this.#pictureSize = null;
      for (const id of ["write-problem", "save-problem", "answer-problem", "ended-problem"]) problem($(id), null);
    }
    this.#call = call;
  }

  drawOutgoing(call) {
    this.#take(call);
    avatar($("outgoing-avatar"), call.name, call.node);
    put($("outgoing-title"), call.name);
    const what = call.media === "video" ? "Video call" : "Audio call";
    put($("outgoing-text"), call.state === "calling" ? `${what}, waiting for an answer` : call.sentence);
    put($("outgoing-said"), this.#calls.notes.get(call.id) ?? "");
    show($("outgoing-said"), Boolean(this.#calls.notes.get(call.id)));
    const link = this.#calls.links.get(call.id);
    show($("outgoing-link"), Boolean(link));
    if (link) {
      put($("outgoing-link-text"), link.sentence);
      put($("outgoing-token"), link.link.text);
      picture($("outgoing-qr"), link.link.qr);
      show($("outgoing-qr").parentElement, Boolean(link.link.qr));
    }
    show($("answer-form"), Boolean(link) && call.role === "caller" && !call.paired);
    const track = this.#sending?.picture ?? null;
    attach($("outgoing-own"), track);
    show($("outgoing-own"), Boolean(track));
  }

  draw(call) {
    if (!call) return;
    this.#take(call);
    put($("stage-name"), call.name);
    put($("stage-tag"), call.automatic ? "answered by itself" : call.remote_automatic ? "their program answered" : "");
    show($("stage-tag"), call.automatic || call.remote_automatic);
    put($("stage-path-text"), this.#path(call));
    const notice = this.#notices.get(call.id);
    put($("stage-notice-text"), notice ?? "");
    show($("stage-notice"), Boolean(notice));
    show($("reconnecting"), call.state === "reconnecting");
    put($("reconnecting-text"), call.state === "reconnecting" ? call.sentence : "");
    this.#drawPictures(call);
    this.#drawControls(call);
    this.#drawPanel(call);
    this.#drawOthers();
    this.#everySecond();
  }

  // It rings at the other side, as its program says; heard until the person wants it silent.
  ringback(call) {
    const rings = call?.state === "calling" && call.rings_there && !this.#silenced.has(call.id);
    if (rings) ringback.start();
    else ringback.stop();
    show($("outgoing-silence"), Boolean(rings));
  }

  silence() {
    if ($("outgoing-silence").hidden) return false;
    this.#silenced.add(this.#call.id);
    this.ringback(this.#call);
    $("outgoing-title").focus({ preventScroll: true });
    return true;
  }

  unread(call) {
    const written = (this.#calls.texts.get(call.id) ?? []).filter((text) => !text.ours).length;
    return written - (this.#read.get(call.id) ?? 0);
  }

  // Sound that arrives plays at once, on the speaker that was chosen.
  sound() {
    const call = this.#calls.current;
    const track = call && this.#calls.media(call.id)?.tracks.audio;
    attach($("remote-audio"), track ?? null);
    if (chosen.speaker && $("remote-audio").setSinkId) $("remote-audio").setSinkId(chosen.speaker).catch(() => {});
  }

  #drawPictures(call) {
    const media = this.#calls.media(call.id);
    this.sound();
    const theirs = call.remote ? call.remote.video || call.remote.screen : true;
    const track = theirs ? media?.tracks.video : null;
    attach($("remote-video"), track ?? null);
    show($("remote-video"), Boolean(track));
    show($("remote-empty"), !track && call.state !== "reconnecting");
    avatar($("remote-avatar"), call.name, call.node);
    put($("remote-state"), this.#remoteState(call));
    const muted = call.remote && !call.remote.audio;
    put($("remote-muted-text"), `${call.name} is muted`);
    show($("remote-muted"), Boolean(muted));
    $("pictures").classList.toggle("shows-screen", Boolean(call.remote?.screen));

    const sending = media?.sending;
    const own = sending?.picture ?? null;
    attach($("own-video"), own);
    show($("own-video"), Boolean(own));
    show($("own-off"), !own);
    show($("own-muted"), Boolean(sending?.muted));
    $("own-video").classList.toggle("mirrored", Boolean(own) && !sending.screen);
    show($("own"), call.handset && call.media === "video");
    $("own").setAttribute("aria-label", `Your own picture${own ? "" : ", camera off"}${sending?.muted ? ", muted" : ""}`);
  }

  // Loopback is a path too, and hides nothing from anybody on this machine.
  #path(call) {
    const alone = call.path && this.#world.overlay?.name === "Loopback";
    return alone ? `${call.path} On this machine only, no privacy.` : call.path;
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
    if (!call.handset) return `This call's sound and picture go to ${call.endpoint}.`;
    if (call.media === "audio") return "Sound only";
    if (call.remote && !call.remote.video && !call.remote.screen) return "Their camera is off";
    return "";
  }

  #drawControls(call) {
    const sending = this.#calls.media(call.id)?.sending;
    const state = sending?.state ?? { audio: false, video: false, screen: false };
    this.#control("c-mic", state.audio ? "i-mic" : "i-mic-off", state.audio ? "Mute" : "Unmute", !state.audio, "M");
    const camera = state.video && !state.screen ? true : Boolean(sending?.camera);
    this.#control("c-camera", camera ? "i-camera" : "i-camera-off", camera ? "Camera off" : "Camera on", !camera, "V");
    this.#control("c-screen", "i-screen", state.screen ? "Stop sharing" : "Share screen", false, "S");
    $("c-screen").classList.toggle("on", state.screen);
    for (const id of ["c-camera", "c-screen", "m-screen"]) $(id).disabled = call.media !== "video" || !call.handset;
    $("c-mic").disabled = !call.handset;
    put($("m-screen").querySelector("span"), state.screen ? "Stop sharing" : "Share screen");
    if (this.#panel === "chat") this.#read.set(call.id, (this.#read.get(call.id) ?? 0) + this.unread(call));
    const unread = this.unread(call);
    put($("unread"), String(unread));
    show($("unread"), unread > 0);
    $("c-chat").setAttribute("aria-expanded", String(this.#panel === "chat"));
    $("c-about").setAttribute("aria-expanded", String(this.#panel === "about"));
    const last = (this.#calls.texts.get(call.id) ?? []).at(-1);
    show($("last-text"), unread > 0 && this.#panel !== "chat" && Boolean(last) && !last.ours);
    if (last) {
      put($("last-text-who"), call.name);
      put($("last-text-what"), last.text);
    }
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

  #drawPanel(call) {
    show($("panel"), Boolean(this.#panel));
    $("stage").classList.toggle("with-panel", Boolean(this.#panel));
    show($("chat"), this.#panel === "chat");
    show($("about"), this.#panel === "about");
    put($("panel-title"), this.#panel === "chat" ? `With ${call.name}` : "About this call");
    if (this.#panel === "chat") {
      const texts = this.#calls.texts.get(call.id) ?? [];
      if ($("texts").children.length !== texts.length) {
        $("texts").replaceChildren(...texts.map((text) => make("li", { className: text.ours ? "ours" : "" },
          make("b", { className: "unseen", text: text.ours ? "You: " : `${call.name}: ` }),
          make("span", { text: text.text }))));
        $("texts").scrollTop = $("texts").scrollHeight;
      }
    }
    if (this.#panel === "about") this.#drawAbout(call);
  }

  #drawAbout(call) {
    put($("about-trust"), call.trust_words);
    $("about-trust").dataset.trust = call.trust;
    put($("about-node"), call.node);
    show($("save-form"), !call.contact);
    const words = call.phrase?.split(" ") ?? [];
    if ($("phrase").childElementCount !== words.length) {
      $("phrase").replaceChildren(...words.map((word) => make("li", { text: word })));
    }
    put($("phrase-text"), words.length
      ? `Read them to each other. If ${call.name} sees the same four, nobody is between you. If not, hang up.`
      : "Both programs are still agreeing on them.");
    put($("path-full"), this.#path(call));
    const quality = this.#calls.quality.get(call.id);
    const rows = quality ? [
      ["Round trip", quality.round_trip_ms === null ? "not measured yet" : `${quality.round_trip_ms.toFixed(0)} ms`],
      ["Lost", `${quality.loss_percent.toFixed(1)} %, ${quality.lost} packets in all`],
      ["Jitter", quality.jitter_ms === null ? "–" : `${quality.jitter_ms.toFixed(0)} ms`],
      ["Picture", this.#pictureSize ?? "–"],
      ["Received", `${quality.received_kbps.toFixed(0)} kbit/s`],
      ["Sent", `${quality.sent_kbps.toFixed(0)} kbit/s`],
    ] : [];
    redraw($("figures"), rows, ([name, value]) =>
      make("div", {}, make("dt", { text: name }), make("dd", { text: value })));
  }

  #drawOthers() {
    const others = this.#calls.others;
    redraw($("others"), others.map(({ id, name, sentence }) => ({ id, name, sentence })), ({ id, name, sentence }) => {
      const end = make("button", {
        className: "button small", type: "button", text: "Hang up", "aria-label": `Hang up on ${name}`, "data-hold": `end ${id}`,
      });
      end.addEventListener("click", () => this.#program.send("hang-up", { call: id }));
      return make("li", {}, make("span", { text: sentence }), end);
    });
    show($("others"), Boolean(others.length));
  }

  async #everySecond() {
    const call = this.#call;
    if (call?.state === "reconnecting") {
      put($("quality-text"), "nothing arrives");
      $("stage-quality").dataset.grade = "bad";
    }
    if (call?.state !== "active") return;
    put($("stage-timer"), call.connected_at ? duration(Date.now() / 1000 - call.connected_at) : "");
    const leg = this.#calls.media(call.id)?.leg;
    const size = leg ? await leg.received().catch(() => null) : null;
    this.#pictureSize = size ? `${size.width}×${size.height}, ${size.rate} a second` : null;
    const quality = this.#calls.quality.get(call.id);
    if (!quality) return put($("quality-text"), "measuring");
    const trip = quality.round_trip_ms === null ? "" : `${quality.round_trip_ms.toFixed(0)} ms`;
    const loss = `${quality.loss_percent.toFixed(1)} % lost`;
    const picture = size ? `${size.width}×${size.height}` : "";
    const rate = `${quality.received_kbps.toFixed(0)} kbit/s`;
    put($("quality-text"), [trip, loss, picture, rate].filter(Boolean).join(" · "));
    const bad = quality.loss_percent > 5 || (quality.round_trip_ms ?? 0) > 400;
    const fair = quality.loss_percent > 1 || (quality.round_trip_ms ?? 0) > 200;
    $("stage-quality").dataset.grade = bad ? "bad" : fair ? "fair" : "good";
    if (this.#panel === "about") this.#drawAbout(call);
    return undefined;
  }

  drawEnded(call) {
    this.#take(call);
    if (document.fullscreenElement) document.exitFullscreen();
    attach($("remote-audio"), null);
    avatar($("ended-avatar"), call.name, call.node);
    put($("ended-title"), call.sentence);
    const seconds = call.report.seconds;
    put($("ended-text"), call.connected_at && seconds ? `You were connected for ${duration(seconds)}.` : "");
    const link = this.#calls.links.get(call.id);
    show($("ended-link"), Boolean(link) && call.role === "callee" && !call.connected_at);
    if (link) {
      put($("ended-link-text"), link.sentence);
      put($("ended-token"), link.link.text);
    }
    show($("ended-save"), !call.contact && Boolean(call.connected_at));
  }
}

function attach(element, track) {
  const now = element.srcObject?.getTracks()[0] ?? null;
  if (now === track) return;
  element.srcObject = track ? new MediaStream([track]) : null;
  if (track) element.play().catch(() => {});
}
