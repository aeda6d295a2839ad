// Looks once a second how much the path of a leg carries, and has the leg send what fits: see slow_path.js.

import { next, paused, sent, WHOLE } from "./slow_path.js";

const LOOK = 1000;
// Looks after one at which nothing had arrived. What is reported then tells of a path that was dark, not of a narrow one.
const DARK = 8;

// Event: `changed`, when the picture was paused or has come back.
export class AudioFirst extends EventTarget {
  #leg;
  #state = WHOLE;
  #timer;
  #arrived = 0;
  #dark = 0;

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
    this.#dark = seen.arrived === this.#arrived ? DARK : this.#dark - 1;
    this.#arrived = seen.arrived;
    if (this.#dark > 0) return;
    const before = this.#state;
    this.#state = next(before, seen);
    this.#leg.fit(sent(this.#state));
    if (paused(before) !== this.paused) this.dispatchEvent(new Event("changed"));
  }

  stop() {
    clearInterval(this.#timer);
  }
}
