// The speaker that was chosen. One that is gone gives way to the system's, and is used again when it is back.

import { chosen } from "./devices.js";

// Events: `told` with a sentence in its detail, for what has changed without the person.
export class Speaker extends EventTarget {
  #element;
  #wanted = "";
  #gone = false;

  constructor(element) {
    super();
    this.#element = element;
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#look());
  }

  // Play where the person wants it.
  use() {
    if (!this.#element.setSinkId) return;
    if (this.#wanted !== chosen.speaker) {
      this.#wanted = chosen.speaker;
      this.#gone = false;
    }
    const sink = this.#gone ? "" : this.#wanted;
    if (this.#element.sinkId === sink) return;
    this.#element.setSinkId(sink).catch(() => {
      this.#gone = true;
      this.#element.setSinkId("").catch(() => {});
    });
  }

  async #look() {
    if (!chosen.speaker) return;
    const speakers = (await navigator.mediaDevices.enumerateDevices()).filter((each) => each.kind === "audiooutput");
    // A browser that hasn't asked the person yet names no devices.
    if (!speakers.some((each) => each.deviceId)) return;
    const gone = !speakers.some((each) => each.deviceId === chosen.speaker);
    if (gone === this.#gone) return;
    this.#gone = gone;
    this.use();
    const sentence = gone ? "Your speaker was disconnected. Another one is used now." : "Your speaker is back.";
    this.dispatchEvent(new CustomEvent("told", { detail: sentence }));
  }
}
