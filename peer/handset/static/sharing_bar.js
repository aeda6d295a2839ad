// What the person sees of their own shared screen, and how it is sent.

import { $, put, show } from "./dom.js";
import { canInset } from "./inset.js";

// Only browsers that know this can give the sound of anything that is shared (Chromium; not Firefox, not Safari).
const GIVES_SOUND = Boolean(navigator.mediaDevices?.getSupportedConstraints().suppressLocalAudioPlayback);

const WITHOUT_SOUND = GIVES_SOUND
  ? "You are sharing your screen, without its sound."
  : "You are sharing your screen. This browser can't share its sound.";

export class SharingBar {
  #sending = null;

  constructor() {
    $("share-text").addEventListener("click", () => this.#sending?.showMotion(false));
    $("share-motion").addEventListener("click", () => this.#sending?.showMotion(true));
    $("share-camera").addEventListener("click", () => this.#sending?.insertCamera(!this.#sending.inserts));
  }

  draw(sending) {
    this.#sending = sending;
    const screen = sending?.shared ?? null;
    show($("sharing"), Boolean(screen));
    if (!screen) return;
    put($("sharing-text"), screen.sound ? "You are sharing your screen and its sound." : WITHOUT_SOUND);
    $("share-text").setAttribute("aria-pressed", String(!screen.motion));
    $("share-motion").setAttribute("aria-pressed", String(screen.motion));
    $("share-camera").setAttribute("aria-pressed", String(sending.inserts));
    show($("share-camera"), canInset && Boolean(sending.camera));
  }
}
