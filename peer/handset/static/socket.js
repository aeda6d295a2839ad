// The WebSocket to this machine's own program. ../protocol.py lists the messages. Until the program has proven that it knows
// the key, nothing that comes is acted on.

import { keepKey, keptKey } from "./key_store.js";
import { Key, Meeting } from "./proof.js";
import { thisTab } from "./tab.js";

const TAKEN_OVER = 4001;
const UNPROVEN = 4003;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5000;

export class Program extends EventTarget {
  #socket = null;
  #proven = false;
  #asked = new Map();
  #number = 0;
  #pause = FIRST_PAUSE;
  #retry = 0;
  #home = null;
  #given = null;

  constructor() {
    super();
    // What the next try waits for may be there: a network, or the person who looks again. Until then the timer of a page
    // out of sight is slow.
    addEventListener("online", () => this.#tryNow());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#tryNow();
    });
  }

  #tryNow() {
    if (!this.#retry) return;
    this.#pause = FIRST_PAUSE;
    this.connect();
  }

  // A key that stood in the page's address comes before the one that is kept.
  give({ kind, secret }) {
    this.#given = Key.ofAddress(kind, secret);
  }

  // With `takes` a person wants the calls here, also one that another tab has.
  async connect({ takes = false } = {}) {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#tell("state", { state: "connecting" });
    const key = (await this.#given) ?? (await this.#kept());
    if (!key) return this.#tell("state", { state: "unknown" });
    return this.#open(key, takes);
  }

  async #kept() {
    this.#home ??= await keptKey();
    return this.#home && Key.ofHome(this.#home);
  }

  #open(key, takes) {
    this.#socket?.close();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/socket`);
    const meeting = new Meeting(key, { tab: thisTab(), takes });
    this.#socket = socket;
    this.#proven = false;
    let impostor = false;
    // One message after the other: the proofs take a moment.
    let turn = Promise.resolve();
    const step = async (message) => {
      if (this.#socket !== socket || impostor) return;
      if (this.#proven) {
        await this.#take(message, meeting);
      } else if (message.type === "server-proof" && (await meeting.proven(message))) {
        this.#proven = true;
        socket.send(JSON.stringify(await meeting.answer()));
      } else {
        impostor = true;
        socket.close();
      }
    };
    socket.addEventListener("open", () => socket.send(JSON.stringify(meeting.opening)));
    socket.addEventListener("message", ({ data }) => {
      turn = turn.then(() => step(JSON.parse(data))).catch(() => {
        impostor ||= !this.#proven;
        socket.close();
      });
    });
    socket.addEventListener("close", ({ code }) => turn.then(() => this.#closed(socket, { key, takes }, code, impostor)));
  }

  #closed(socket, { key, takes }, code, impostor) {
    if (this.#socket !== socket) return undefined;
    this.#proven = false;
    for (const { reject } of this.#asked.values()) reject({ sentence: "Copybara isn't running.", hint: "" });
    this.#asked.clear();
    if (code === TAKEN_OVER) return this.#tell("state", { state: "taken" });
    if ((impostor || code === UNPROVEN) && key.kind !== "home") {
      // A used ticket or an old address: perhaps this browser has been here before.
      this.#given = null;
      return this.connect({ takes });
    }
    this.#tell("state", { state: impostor ? "impostor" : code === UNPROVEN ? "unknown" : "lost" });
    if (code === UNPROVEN && !impostor) return undefined;
    this.#retry = setTimeout(() => this.connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    return undefined;
  }

  get #ready() {
    return this.#proven && this.#socket?.readyState === WebSocket.OPEN;
  }

  send(type, values = {}) {
    if (this.#ready) this.#socket.send(JSON.stringify({ type, ...values }));
  }

  // Ask for something; resolves with Done, or with what was asked for, rejects with the Problem.
  ask(type, values = {}) {
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      if (!this.#ready) {
        reject({ sentence: "Copybara can't be reached.", hint: "Is it still running?" });
        return;
      }
      this.#asked.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ type, id, ...values }));
    });
  }

  // The same, for who needs the request's number: { id, done }.
  request(type, values = {}) {
    const done = this.ask(type, values);
    return { id: this.#number, done };
  }

  // A piece of a file: the number of its request, then its bytes.
  sendPiece(id, data) {
    if (!this.#ready) return;
    const message = new Uint8Array(4 + data.byteLength);
    new DataView(message.buffer).setUint32(0, id);
    message.set(new Uint8Array(data), 4);
    this.#socket.send(message);
  }

  async #take(message, meeting) {
    if (message.type === "home-key") {
      this.#home = await meeting.homeKey(message);
      this.#given = null;
      // Nothing waits for it: a browser may take long to store something.
      keepKey(this.#home);
      return;
    }
    if (["hello", "no-overlay", "cant-start"].includes(message.type)) this.#pause = FIRST_PAUSE;
    const asked = this.#asked.get(message.id);
    if (asked && ["done", "explained", "problem"].includes(message.type)) {
      this.#asked.delete(message.id);
      if (message.type === "problem") asked.reject(message);
      else asked.resolve(message);
      return;
    }
    this.#tell(message.type, message);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
