// Notifications of the desktop, while the page is out of sight: who calls or wrote, and nothing else.

import { $, problem } from "./dom.js";

const WANTED = "notify";

export class Notices {
  #shown = new Map();

  constructor() {
    const there = "Notification" in window;
    $("notify-on").disabled = !there;
    $("notify-on").checked = this.#on;
    $("notify-on").addEventListener("change", (event) => this.#turn(event.target.checked));
    // Somebody who looks at the page needs none.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#closeAll();
    });
  }

  get #on() {
    return "Notification" in window && localStorage.getItem(WANTED) === "on" && Notification.permission === "granted";
  }

  // The browser is asked only here, by a click on the switch.
  async #turn(on) {
    localStorage.setItem(WANTED, on ? "on" : "off");
    problem($("notify-problem"), null);
    if (on && (await Notification.requestPermission()) !== "granted") {
      problem($("notify-problem"), {
        sentence: "The browser doesn't let this page show notifications.", hint: "Allow it beside the address, then try again.",
      });
    }
    $("notify-on").checked = this.#on;
    if (!on) this.#closeAll();
  }

  // `about` tells those apart that stand beside each other; the same again takes the place of the one before.
  show(about, words) {
    if (!document.hidden || !this.#on) return;
    const shown = new Notification(words, { tag: about, icon: "icon.svg" });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
    });
    shown.addEventListener("close", () => {
      if (this.#shown.get(about) === shown) this.#shown.delete(about);
    });
    this.#shown.set(about, shown);
  }

  close(about) {
    this.#shown.get(about)?.close();
    this.#shown.delete(about);
  }

  #closeAll() {
    for (const about of [...this.#shown.keys()]) this.close(about);
  }
}
