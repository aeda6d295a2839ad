// A headset or a camera that is plugged in during a call is offered in one line.

import { choose, chosen } from "./devices.js";

const KINDS = { audioinput: "mic", audiooutput: "speaker", videoinput: "camera" };

// Names for whichever the system takes, and not devices.
const NOT_DEVICES = ["", "default", "communications"];

// What has come since: the parts of one device, such as a headset's microphone and speaker, together.
function comeSince(before, now) {
  const known = new Set(before.map(({ kind, deviceId }) => `${kind} ${deviceId}`));
  const devices = new Map();
  for (const { kind, deviceId, groupId, label } of now) {
    if (!KINDS[kind] || NOT_DEVICES.includes(deviceId) || known.has(`${kind} ${deviceId}`)) continue;
    const key = groupId || deviceId;
    const device = devices.get(key) ?? { key, label: "", parts: {} };
    device.parts[KINDS[kind]] = deviceId;
    device.label ||= label;
    devices.set(key, device);
  }
  return [...devices.values()];
}

// Events: `changed`, and `used` with a kind in its detail once a device of that kind was chosen.
export class PluggedIn extends EventTarget {
  #sending = null;
  #before = null;
  #offer = null;
  #refused = new Set();

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#look());
  }

  // What to offer: what it is called, or empty. What was chosen before is used without a question.
  get offered() {
    return this.#offer ? this.#offer.label || "A new device" : "";
  }

  // The call in which the person talks here, or none. What is there when it begins is nothing new.
  async follow(sending) {
    if (this.#sending === sending) return;
    this.#sending = sending;
    this.#before = null;
    this.#refused.clear();
    this.#put(null);
    if (!sending) return;
    // Only then does a browser say what there is.
    await sending.start();
    const devices = await navigator.mediaDevices?.enumerateDevices();
    if (this.#sending === sending) this.#before = devices ?? null;
  }

  use() {
    const parts = this.#offer?.parts ?? {};
    this.#put(null);
    for (const [kind, id] of Object.entries(parts)) {
      choose(kind, id);
      this.dispatchEvent(new CustomEvent("used", { detail: kind }));
    }
  }

  refuse() {
    if (this.#offer) this.#refused.add(this.#offer.key);
    this.#put(null);
  }

  async #look() {
    const sending = this.#sending;
    const now = await navigator.mediaDevices.enumerateDevices();
    if (!this.#before || this.#sending !== sending) return;
    const there = new Set(now.map(({ deviceId }) => deviceId));
    // One that goes and comes back has come.
    this.#before = this.#before.filter(({ deviceId }) => there.has(deviceId));
    const come = comeSince(this.#before, now).filter(({ key, parts }) =>
      !this.#refused.has(key) && Object.entries(parts).some(([kind, id]) => this.#matters(kind) && chosen[kind] !== id));
    this.#put(come.at(-1) ?? null);
  }

  #matters(kind) {
    return kind !== "camera" || this.#sending.wantsCamera;
  }

  #put(offer) {
    const changed = JSON.stringify(this.#offer) !== JSON.stringify(offer);
    this.#offer = offer;
    if (changed) this.dispatchEvent(new Event("changed"));
  }
}
