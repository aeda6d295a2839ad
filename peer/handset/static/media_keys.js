// Media keys and the button of a headset: they answer, hang up and mute (Media Session, W3C).
//
// Browsers pass them to a page that plays a file of some seconds, and neither notes nor the sound of a call count. So the
// page plays silence while there is something to answer or to hang up.

import { known, rung } from "./caller.js";
import { $ } from "./dom.js";
import { atEachGesture } from "./gestures.js";
import { toast } from "./toasts.js";

const CALM = 1500;
const SECONDS = 10;
const ALL = ["play", "pause", "stop", "hangup", "togglemicrophone", "togglecamera"];

// Silence as a WAV file: 8 bits, 8 kHz, mono.
function silence() {
  const rate = 8000;
  const size = SECONDS * rate;
  const head = new DataView(new ArrayBuffer(44));
  const write = (at, text) => [...text].forEach((letter, number) => head.setUint8(at + number, letter.charCodeAt(0)));
  for (const [at, text] of [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]]) write(at, text);
  for (const [at, value] of [[4, 36 + size], [16, 16], [24, rate], [28, rate], [40, size]]) head.setUint32(at, value, true);
  for (const [at, value] of [[20, 1], [22, 1], [32, 1], [34, 8]]) head.setUint16(at, value, true);
  return new Blob([head, new Uint8Array(size).fill(128)], { type: "audio/wav" });
}

// Which call the keys are for. A call that rings beside another one isn't: they hang up the one in which you talk. In
// one on hold you don't: no key ends it.
function keysAreFor(current, ringing, beside) {
  if (ringing && (!beside || current.on_hold)) return { call: ringing, rings: true };
  if (!current || current.state === "ended" || current.on_hold || current.elsewhere != null) return null;
  return { call: current, rings: false };
}

export class MediaKeys {
  #calls;
  #incoming;
  #view;
  #session = navigator.mediaSession;
  #player = null;
  #now = null;
  #shown = "";
  #since = 0;
  #pressedAt = -Infinity;

  constructor({ calls, incoming, view }) {
    this.#calls = calls;
    this.#incoming = incoming;
    this.#view = view;
    $("media-keys-on").disabled = !this.#session;
    $("media-keys-on").checked = localStorage.getItem("media-keys") !== "off";
    $("media-keys-on").addEventListener("change", (event) => {
      localStorage.setItem("media-keys", event.target.checked ? "on" : "off");
      this.draw(true);
    });
    atEachGesture(() => this.#play());
  }

  // `open` is whether the page shows calls at all.
  draw(open) {
    if (!this.#session) return;
    const on = open && $("media-keys-on").checked;
    this.#now = on ? keysAreFor(this.#calls.current, this.#incoming.call, this.#incoming.beside) : null;
    const shown = this.#now ? `${this.#now.rings} ${this.#now.call.id} ${this.#now.call.name}` : "";
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#since = performance.now();
      this.#announce();
      this.#play();
    }
    this.#tellStates();
  }

  #announce() {
    const { call, rings } = this.#now ?? {};
    this.#session.metadata = call ? new MediaMetadata({
      title: rings ? rung(call) : call.name, artist: "Copybara Relay",
    }) : null;
    for (const action of ALL) {
      const act = call ? () => this.#pressed(action) : null;
      // Not every browser knows every action.
      try {
        this.#session.setActionHandler(action, act);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
  }

  #tellStates() {
    const sending = this.#now && this.#calls.media(this.#now.call.id)?.sending;
    const { audio, video } = sending?.state ?? { audio: false, video: false };
    this.#session.setMicrophoneActive?.(audio);
    this.#session.setCameraActive?.(video);
  }

  // A browser may keep it back until there was a gesture.
  #play() {
    if (!this.#now) {
      this.#player?.pause();
      return;
    }
    if (!this.#player) {
      this.#player = new Audio(URL.createObjectURL(silence()));
      this.#player.loop = true;
      // After *stop* browsers end the silence, too, and with it the keys. Other reasons to pause are their own affair.
      this.#player.addEventListener("pause", () => {
        if (performance.now() - this.#pressedAt < CALM) this.#play();
      });
    }
    if (this.#player.paused) this.#player.play().catch(() => {});
  }

  // A headset with one button sends `play` or `pause`, whichever the browser thinks is due.
  #pressed(action) {
    const { rings } = this.#now;
    this.#pressedAt = performance.now();
    this.#play();
    if (action === "togglemicrophone") this.#view.mute();
    else if (action === "togglecamera") this.#camera();
    else if (this.#isHurried(action, rings)) return;
    else if (!rings) this.#calls.hangUp();
    else if (action === "play" || action === "pause") this.#answer();
    else this.#incoming.decline();
  }

  // Who presses a headset's button has read no warning: only a contact's call is answered so.
  #answer() {
    const { call } = this.#now;
    if (known(call)) this.#incoming.answer("audio");
    else toast("A key doesn't answer this call: nothing proves who it is.");
  }

  // To start or stop music isn't to answer a call that has only just begun to ring, nor to end one that was only just
  // answered. What is pressed twice counts once.
  #isHurried(action, rings) {
    if (action === "hangup" && !rings) return false;
    const now = performance.now();
    if (now - this.#since < CALM) return true;
    this.#since = now;
    return false;
  }

  // Nobody is seen by a key that may have been pressed by accident.
  #camera() {
    if (!document.hidden || !$("c-camera").classList.contains("off")) this.#view.camera();
  }
}
