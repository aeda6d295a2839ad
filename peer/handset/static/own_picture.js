// The own picture in a corner of the call: it can be dragged there, or moved by the arrow keys.

import { $, show } from "./dom.js";
import { attachPicture } from "./picture.js";

const CORNERS = { ArrowUp: { s: "n" }, ArrowDown: { n: "s" }, ArrowLeft: { e: "w" }, ArrowRight: { w: "e" } };

export class OwnPicture {
  #box = $("own");

  constructor() {
    this.#box.addEventListener("keydown", (event) => this.#turn(event));
    this.#drag();
  }

  draw(call, sending) {
    const track = sending?.picture ?? null;
    attachPicture($("own-video"), track);
    show($("own-video"), Boolean(track));
    show($("own-off"), !track);
    show($("own-muted"), Boolean(sending?.muted));
    $("own-video").classList.toggle("mirrored", Boolean(track) && !sending.shared);
    show(this.#box, call.handset && call.media === "video");
    const more = [track ? "" : "camera off", sending?.muted ? "muted" : ""].filter(Boolean);
    this.#box.setAttribute("aria-label", ["Your own picture", ...more].join(", "));
  }

  #turn(event) {
    const turn = CORNERS[event.key];
    if (!turn) return;
    event.preventDefault();
    const [vertical, horizontal] = this.#box.dataset.corner;
    this.#rest(turn[vertical] ?? vertical, turn[horizontal] ?? horizontal);
  }

  // It follows the pointer, and rests in the corner that is nearest to it.
  #drag() {
    const own = this.#box;
    let from = null;
    own.addEventListener("pointerdown", (event) => {
      own.setPointerCapture(event.pointerId);
      from = { x: event.clientX, y: event.clientY };
    });
    own.addEventListener("pointermove", (event) => {
      if (from) own.style.transform = `translate(${event.clientX - from.x}px, ${event.clientY - from.y}px)`;
    });
    const drop = () => {
      if (!from) return;
      from = null;
      const box = $("pictures").getBoundingClientRect();
      const mine = own.getBoundingClientRect();
      own.style.transform = "";
      this.#rest(
        mine.top + mine.height / 2 < box.top + box.height / 2 ? "n" : "s",
        mine.left + mine.width / 2 < box.left + box.width / 2 ? "w" : "e",
      );
    };
    own.addEventListener("pointerup", drop);
    own.addEventListener("pointercancel", drop);
  }

  #rest(vertical, horizontal) {
    this.#box.dataset.corner = vertical + horizontal;
  }
}
