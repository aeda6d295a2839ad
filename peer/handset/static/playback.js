// Sound that arrives. A browser that doesn't play it before a gesture is asked again at each one, and it is said meanwhile.
// One that has interrupted it, for a phone call or in a tab that was out of sight, is asked again too.

const AGAIN = 1000;

import { atEachGesture } from "./gestures.js";

export class Playback extends EventTarget {
  #waiting = new Set();
  #known = new Set();
  #interrupted = new Set();

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) for (const element of this.#known) this.#goOn(element);
    });
    atEachGesture(() => {
      for (const element of this.#waiting) this.#play(element);
    });
  }

  // Whether something is there to be heard and the browser doesn't let it.
  get blocked() {
    return this.#waiting.size > 0;
  }

  // Play this track in an element, or nothing.
  attach(element, track) {
    if (!this.#known.has(element)) this.#watch(element);
    const now = element.srcObject?.getTracks()[0] ?? null;
    if (now === track) return;
    element.srcObject = track ? new MediaStream([track]) : null;
    this.#settle(element, false);
    if (track) this.#play(element);
  }

  async #play(element) {
    const stream = element.srcObject;
    try {
      await element.play();
      if (element.srcObject !== stream) return;
      this.#settle(element, false);
      if (this.#interrupted.delete(element)) {
        this.dispatchEvent(new CustomEvent("told", { detail: "The browser had interrupted the sound. It goes on now." }));
      }
    } catch (error) {
      // Anything else means that another track has come meanwhile.
      if (element.srcObject === stream && stream) this.#settle(element, error.name === "NotAllowedError");
    }
  }

  // Nobody pauses a call on this page: the browser has.
  #watch(element) {
    this.#known.add(element);
    element.addEventListener("pause", () => {
      if (!element.srcObject) return;
      this.#interrupted.add(element);
      setTimeout(() => this.#goOn(element), AGAIN);
    });
  }

  #goOn(element) {
    if (element.srcObject && element.paused) this.#play(element);
  }

  #settle(element, waits) {
    if (this.#waiting.has(element) === waits) return;
    if (waits) this.#waiting.add(element);
    else this.#waiting.delete(element);
    this.dispatchEvent(new Event("changed"));
  }
}
