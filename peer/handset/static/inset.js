// One's own picture in the corner of a shared screen. It needs insertable streams: a canvas that is drawn by the page's
// own clock stands still as soon as the person looks at what they share.

const RATE = 15;
const SHARE = 0.2;
const GAP = 0.02;

export const canInset = Boolean(window.MediaStreamTrackProcessor && window.MediaStreamTrackGenerator);

export class Inset {
  #screen = null;
  #camera = null;
  #canvas = new OffscreenCanvas(2, 2);
  #drawing = this.#canvas.getContext("2d", { alpha: false });
  #out = new MediaStreamTrackGenerator({ kind: "video" });
  #writer = this.#out.writable.getWriter();
  #readers = [];
  #last = -Infinity;

  constructor(screen, camera) {
    this.#read(screen, (frame) => { this.#screen?.close(); this.#screen = frame; });
    this.#read(camera, (frame) => { this.#camera?.close(); this.#camera = frame; });
  }

  get track() {
    return this.#out;
  }

  close() {
    for (const reader of this.#readers) reader.cancel().catch(() => {});
    this.#out.stop();
    this.#screen?.close();
    this.#camera?.close();
    this.#screen = this.#camera = null;
  }

  async #read(track, keep) {
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader();
    this.#readers.push(reader);
    try {
      for (;;) {
        const { value: frame, done } = await reader.read();
        if (done || this.#out.readyState === "ended") {
          frame?.close();
          return;
        }
        keep(frame);
        this.#draw();
      }
    } catch {
      // The track or the call is over.
    }
  }

  #draw() {
    const now = performance.now();
    if (!this.#screen || now - this.#last < 900 / RATE) return;
    this.#last = now;
    const { displayWidth: width, displayHeight: height } = this.#screen;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#drawing.drawImage(this.#screen, 0, 0, width, height);
    if (this.#camera) {
      const wide = width * SHARE;
      const high = wide * this.#camera.displayHeight / this.#camera.displayWidth;
      const gap = width * GAP;
      this.#drawing.drawImage(this.#camera, width - wide - gap, height - high - gap, wide, high);
    }
    this.#writer.write(new VideoFrame(this.#canvas, { timestamp: Math.round(now * 1000) })).catch(() => {});
  }
}
