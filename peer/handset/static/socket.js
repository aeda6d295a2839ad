// The WebSocket to this machine's own program. protocol.py lists the messages.

import { withoutCommands } from "./dom.js";

const TAKEN_OVER = 4001;
const STOPPING = 4002;
const KEY = "key";

// The key stands in the address that was opened. It is kept for reloads and taken out of sight.
export function takeKey() {
  const address = new URL(location.href);
  const given = address.searchParams.get("key");
  if (given) {
    localStorage.setItem(KEY, given);
    address.searchParams.delete("key");
    history.replaceState(null, "", address.pathname + address.search + address.hash);
  }
  return localStorage.getItem(KEY) ?? "";
}

export class Program extends EventTarget {
  #socket = null;
  #asked = new Map();
  #number = 0;
  #pause = 500;
  #retry = 0;

  connect() {
    clearTimeout(this.#retry);
    this.#tell("state", { state: "connecting" });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/socket?key=${encodeURIComponent(takeKey())}`);
    this.#socket = socket;
    let heard = false;
    socket.addEventListener("message", (event) => {
      heard = true;
      this.#pause = 500;
      this.#take(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      for (const { reject } of this.#asked.values()) reject({ sentence: "The program is gone.", hint: "" });
      this.#asked.clear();
      if (event.code === TAKEN_OVER) return this.#tell("state", { state: "taken" });
      return this.#closed(heard || event.code === STOPPING);
    });
  }

  // A socket that never opened doesn't say why. Whoever answers a request is there, and so has refused us.
  async #closed(known) {
    const there = !known && (await fetch("icon.svg", { method: "HEAD", cache: "no-store" }).then(() => true, () => false));
    this.#tell("state", { state: there ? "refused" : "lost" });
    if (there) return;
    this.#retry = setTimeout(() => this.connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, 5000);
  }

  send(type, values = {}) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type, ...values }));
  }

  // Ask for something; resolves with Done, rejects with the Problem.
  ask(type, values = {}) {
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject({ sentence: "The program can't be reached.", hint: "Is it still running?" });
        return;
      }
      this.#asked.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ type, id, ...values }));
    });
  }

  #take(message) {
    for (const each of [message, message.call, ...(message.calls ?? []), ...(message.log ?? [])]) {
      for (const field of ["sentence", "hint"]) {
        if (typeof each?.[field] === "string") each[field] = withoutCommands(each[field]);
      }
    }
    const asked = this.#asked.get(message.id);
    if (asked && (message.type === "done" || message.type === "problem")) {
      this.#asked.delete(message.id);
      if (message.type === "done") asked.resolve(message);
      else asked.reject(message);
      return;
    }
    this.#tell(message.type, message);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
