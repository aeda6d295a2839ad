// Looks once a second how much the path of a leg carries, and has the leg send what fits: see slow_path.js.

import { afterSilence, LIGHT, light, next, paused, sent, WHOLE } from "./slow_path.js";

const LOOK = 1000;

// Event: `changed`, when the picture was paused or has come back.
export class AudioFirst extends EventTarget {
  #leg;
  #state = WHOLE;
  #timer;
  #light = LIGHT;

  constructor(leg) {
    super();
    this.#leg = leg;
    this.#timer = setInterval(() => this.#look().catch(() => {}), LOOK);
  }

  get paused() {
    return paused(this.#state);
  }

  async #look() {
    const seen = await this.#leg.path();
    if (!seen) return;
    this.#light = light(this.#light, seen.arrived);
    if (this.#light.another) this.#state = afterSilence(this.#state);
    if (this.#light.left > 0) return;
    const before = this.#state;
    this.#state = next(before, seen);
    this.#leg.fit(sent(this.#state));
    if (paused(before) !== this.paused) this.dispatchEvent(new Event("changed"));
  }

  stop() {
    clearInterval(this.#timer);
  }
}
