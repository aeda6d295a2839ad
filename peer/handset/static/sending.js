// What this page sends in one call, through as many connections as the program asks for. A device that goes away gives way
// to another, and comes back when it is there again.

import { whileAsked } from "./asked.js";
import { capture, cause, chosen, open, picture } from "./devices.js";
import { Inset } from "./inset.js";
import { MixedSound } from "./mixed_sound.js";
import { SharedScreen } from "./shared_screen.js";

const FIELD = { mic: "audio", camera: "camera" };
const COMES_BACK = ["absent", "lost", "busy"];
const NAME = { mic: "microphone", camera: "camera" };

// Events: `changed`; `told` with a sentence in its detail, for what has changed without the person.
export class Sending extends EventTarget {
  audio = null;
  camera = null;
  // The screen that is shared.
  shared = null;
  // The camera is in the corner of it.
  inserts = false;
  muted = false;
  cameraOff = false;
  trouble = { mic: "", camera: "" };
  #wanted;
  #ready = null;
  #over = false;
  #inset = null;
  #mixed = null;
  #turn = Promise.resolve();
  #look = () => this.#devicesChanged(COMES_BACK);
  #allow = ({ target }) => { if (target.state === "granted") this.#devicesChanged(["denied"]); };
  #permissions = [];

  // `muted` and `cameraOff`: how it begins.
  constructor(media, { muted = false, cameraOff = false } = {}) {
    super();
    this.#wanted = media;
    this.muted = muted;
    this.cameraOff = cameraOff;
    navigator.mediaDevices?.addEventListener("devicechange", this.#look);
    for (const name of ["microphone", "camera"]) this.#watchPermission(name);
  }

  // The person may take a permission away in a call, and give it again. Not every browser tells.
  async #watchPermission(name) {
    const status = await navigator.permissions?.query({ name }).catch(() => null);
    if (!status || this.#over) return;
    this.#permissions.push(status);
    status.addEventListener("change", this.#allow);
  }

  get screen() {
    return this.shared?.picture ?? null;
  }

  // What is sent.
  get picture() {
    return this.#inset?.track ?? this.screen ?? (this.cameraOff ? null : this.camera);
  }

  get sound() {
    return this.#mixed?.track ?? this.audio;
  }

  get wantsCamera() {
    return this.#wanted === "video" && !this.cameraOff;
  }

  // What the other side is told.
  get state() {
    const heard = Boolean(this.audio) && !this.muted && this.trouble.mic !== "quiet";
    const seen = Boolean(this.screen) || (Boolean(this.picture) && this.trouble.camera !== "quiet");
    return { audio: heard, video: seen, screen: Boolean(this.screen) };
  }

  start() {
    this.#ready ??= this.#start();
    return this.#ready;
  }

  // Both at once, so that the browser asks once. Without a camera one can still talk, and without a microphone listen.
  async #start() {
    const video = this.wantsCamera;
    try {
      const stream = await this.#asked(video ? ["mic", "camera"] : ["mic"], capture({ audio: true, video }));
      for (const track of stream.getTracks()) this.#hold(track);
    } catch {
      for (const kind of video ? ["mic", "camera"] : ["mic"]) await this.#open(kind).catch(() => {});
    }
    this.#changed();
  }

  // What is waited for is said after a moment, until it is there.
  async #asked(kinds, device) {
    const waits = [];
    try {
      return await whileAsked(kinds, device, (kind, why) => {
        waits.push([kind, why]);
        this.trouble[kind] = why;
        this.#changed();
      });
    } finally {
      for (const [kind, why] of waits) if (this.trouble[kind] === why) this.trouble[kind] = "";
    }
  }

  async #open(kind) {
    try {
      const { stream, another } = await this.#asked([kind], open(kind));
      for (const track of stream.getTracks()) this.#hold(track);
      if (another) this.#tell(`The ${NAME[kind]} that you chose isn't there. Another one is used.`);
    } catch (error) {
      this.trouble[kind] = this.trouble[kind] === "lost" && cause(error) === "absent" ? "lost" : cause(error);
      this.#changed();
      throw error;
    }
  }

  #hold(track) {
    const kind = track.kind === "audio" ? "mic" : "camera";
    // The person was asked, and the call was over before they answered.
    if (this.#over || (kind === "camera" && !this.wantsCamera)) {
      track.stop();
      return;
    }
    this[FIELD[kind]]?.stop();
    this[FIELD[kind]] = track;
    this.trouble[kind] = track.muted ? "quiet" : "";
    if (kind === "mic") track.enabled = !this.muted;
    const current = () => this[FIELD[kind]] === track;
    track.addEventListener("ended", () => { if (current()) this.#lost(kind); });
    for (const [name, trouble] of [["mute", "quiet"], ["unmute", ""]]) {
      track.addEventListener(name, () => {
        if (!current()) return;
        // A phone call takes the microphone away, and gives it back.
        if (this.trouble[kind] === "quiet" && !trouble) this.#tell(`Your ${NAME[kind]} works again.`);
        this.trouble[kind] = trouble;
        this.#changed();
      });
    }
  }

  // A device is gone: another one, if there is any.
  #lost(kind) {
    this[FIELD[kind]] = null;
    this.trouble[kind] = "lost";
    this.#changed();
    this.#one(async () => {
      await this.#open(kind);
      this.#tell(`Your ${NAME[kind]} was disconnected. Another one is used now.`);
    });
  }

  // A device has come or gone, or is allowed again: what is missing for one of these reasons may be there now, and what
  // was chosen may be back.
  #devicesChanged(reasons) {
    this.#one(async () => {
      const there = new Set((await navigator.mediaDevices.enumerateDevices()).map((device) => device.deviceId));
      for (const kind of ["mic", "camera"]) {
        const track = this[FIELD[kind]];
        const wanted = kind === "mic" || this.wantsCamera;
        const back = track && chosen[kind] && there.has(chosen[kind]) && track.getSettings().deviceId !== chosen[kind];
        const missing = !track && reasons.includes(this.trouble[kind]);
        if (!this.#over && wanted && (back || missing)) {
          await this.#open(kind).then(() => this.#tell(`Your ${NAME[kind]} is back.`)).catch(() => {});
        }
      }
    });
  }

  // One change of devices after the other.
  #one(act) {
    this.#turn = this.#turn.then(act).catch(() => {}).then(() => this.#changed());
  }

  mute(muted) {
    this.muted = muted;
    if (this.audio) this.audio.enabled = !muted;
    this.#changed();
  }

  async turnCamera(off) {
    this.cameraOff = off;
    if (off) {
      this.camera?.stop();
      this.camera = null;
      this.trouble.camera = "";
    } else if (!this.camera) {
      await this.#open("camera");
    }
    this.#changed();
  }

  async share() {
    if (this.screen) return this.stopSharing();
    const shared = await SharedScreen.choose();
    if (this.#over || this.#wanted !== "video") {
      shared.stop();
      return undefined;
    }
    this.shared = shared;
    shared.picture.addEventListener("ended", () => { if (this.shared === shared) this.stopSharing(); });
    if (shared.sound) {
      this.#mixed = new MixedSound(shared.sound);
      shared.sound.addEventListener("ended", () => { if (this.shared === shared) this.#unmix(); });
    }
    this.#changed();
    return undefined;
  }

  stopSharing() {
    this.#unshare();
    this.#changed();
  }

  #unshare() {
    this.#mixed?.close();
    this.shared?.stop();
    this.#mixed = this.shared = null;
  }

  // The screen goes on without its sound.
  #unmix() {
    this.#mixed?.close();
    this.#mixed = this.shared.sound = null;
    this.#changed();
  }

  // Sharp text or smooth motion.
  showMotion(motion) {
    this.shared?.show(motion);
    this.#changed();
  }

  insertCamera(inserts) {
    this.inserts = inserts;
    this.#changed();
  }

  // What is made of several tracks follows them.
  #compose() {
    this.#mixed?.microphone(this.audio);
    const both = this.inserts && this.screen && this.camera ? [this.screen, this.camera] : null;
    if (this.#inset && (!both || both.some((track, at) => track !== this.#inset.of[at]))) {
      this.#inset.close();
      this.#inset = null;
    }
    if (both) this.#inset ??= Object.assign(new Inset(...both), { of: both });
  }

  // Another device was chosen, or the person wants it tried again.
  async again(kind) {
    if (kind === "mic" || !this.cameraOff) await this.#open(kind);
    this.#changed();
  }

  // Other filters were chosen. Chromium opens a microphone that is open with the filters that it has, so it is closed first.
  async refilter() {
    if (!this.audio) return;
    const before = this.audio;
    before.stop();
    await this.#open("mic").catch((error) => {
      if (this.audio === before) this.audio = null;
      this.#changed();
      throw error;
    });
    this.#changed();
  }

  // Another size of the pictures was chosen. A camera can change it while it runs, where the browser can.
  async resize() {
    if (!this.camera) return;
    await this.camera.applyConstraints(picture()).catch(() => this.again("camera"));
    this.#changed();
  }

  onlySound() {
    if (this.#wanted === "audio") return;
    this.#wanted = "audio";
    this.camera?.stop();
    this.camera = null;
    this.#unshare();
    this.trouble.camera = "";
    this.#changed();
  }

  stop() {
    this.#over = true;
    navigator.mediaDevices?.removeEventListener("devicechange", this.#look);
    for (const status of this.#permissions) status.removeEventListener("change", this.#allow);
    for (const track of [this.audio, this.camera]) track?.stop();
    this.audio = this.camera = null;
    this.#unshare();
    this.#compose();
  }

  #tell(sentence) {
    this.dispatchEvent(new CustomEvent("told", { detail: sentence }));
  }

  #changed() {
    if (this.#over) return;
    this.#compose();
    this.dispatchEvent(new Event("changed"));
  }
}
