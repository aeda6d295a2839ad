// Sound that arrives. A browser that doesn't play it before a gesture is asked again at each one, and it is said meanwhile.

import { atEachGesture } from "./gestures.js";

export class Playback extends EventTarget {
  #waiting = new Set();

  constructor() {
    super();
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
      if (element.srcObject === stream) this.#settle(element, false);
    } catch (error) {
      // Anything else means that another track has come meanwhile.
      if (element.srcObject === stream && stream) this.#settle(element, error.name === "NotAllowedError");
    }
  }

  #settle(element, waits) {
    if (this.#waiting.has(element) === waits) return;
    if (waits) this.#waiting.add(element);
    else this.#waiting.delete(element);
    this.dispatchEvent(new Event("changed"));
  }
}
