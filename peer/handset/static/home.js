// No call: whom to call, the contacts, the latest calls.

import { $, avatar, duration, icon, make, moment, problem, put, show } from "./dom.js";
import { silentByBrowser, unlock } from "./sounds.js";

const LINK = /^(copybara:|https?:\/\/)|^[A-Za-z0-9_-]{64,}$/;

export class Home {
  #program;
  #world;
  #dialogs;

  constructor(program, world, dialogs) {
    this.#program = program;
    this.#world = world;
    this.#dialogs = dialogs;
    $("new-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(event.submitter?.value ?? "video");
    });
    $("whom").addEventListener("input", () => problem($("new-problem"), null));
    $("open-card").addEventListener("click", () => dialogs.card());
    $("open-settings").addEventListener("click", () => dialogs.settings());
    $("open-add").addEventListener("click", () => dialogs.add());
    $("sound-button").addEventListener("click", () => {
      unlock();
      show($("sound-notice"), false);
    });
  }

  async #submit(media) {
    const whom = $("whom").value.trim();
    if (!whom) {
      problem($("new-problem"), { sentence: "Say whom to call.", hint: "Type a contact's name, or paste what you got." });
      return $("whom").focus();
    }
    // A contact card is a link too, and can be called.
    if (LINK.test(whom)) {
      this.#program.send("explain", { text: whom.slice(0, 4096) });
      $("whom").value = "";
      return undefined;
    }
    return this.#call(whom, media);
  }

  async #call(whom, media) {
    problem($("new-problem"), null);
    try {
      await this.#program.ask("place", { whom: whom.slice(0, 1024), media });
      $("whom").value = "";
    } catch (error) {
      problem($("new-problem"), error);
    }
  }

  draw() {
    const { overlay, contacts, log } = this.#world;
    put($("overlay-text"), overlay.address ? `${overlay.name}, ${overlay.address}` : `${overlay.name} can't be used`);
    $("overlay").dataset.up = String(Boolean(overlay.address));
    put($("overlay-notice-text"), overlay.notice);
    show($("overlay-notice"), Boolean(overlay.notice));
    show($("sound-notice"), silentByBrowser());
    $("names").replaceChildren(...contacts.map((contact) => make("option", { value: contact.name })));
    $("contacts").replaceChildren(...contacts.map((contact) => this.#contact(contact)));
    show($("no-contacts"), !contacts.length);
    $("log").replaceChildren(...log.slice(0, 20).map((entry) => this.#entry(entry)));
    show($("no-log"), !log.length);
  }

  #contact(contact) {
    const face = make("span", { className: "avatar", "aria-hidden": "true" });
    avatar(face, contact.name, contact.node);
    const words = contact.paired ? contact.trust_words : `${contact.trust_words}, not called yet`;
    const who = make("button", { className: "row-main", type: "button", title: "What happens when they call" }, face,
      make("span", { className: "row-text" }, make("b", { text: contact.name }), make("small", { text: words })));
    who.addEventListener("click", () => this.#dialogs.contact(contact));
    const row = make("li", {}, who);
    for (const [media, name, symbol] of [["audio", "Audio call", "i-phone"], ["video", "Video call", "i-camera"]]) {
      const button = make("button", {
        className: "button round plain", type: "button", title: name, "aria-label": `${name} to ${contact.name}`,
      }, icon(symbol));
      button.addEventListener("click", () => this.#call(contact.name, media));
      row.append(button);
    }
    return row;
  }

  #entry(entry) {
    const symbol = entry.reason === "missed" ? "i-missed" : entry.role === "caller" ? "i-out" : "i-in";
    const length = entry.seconds === null ? "" : `, ${duration(entry.seconds)}`;
    return make("li", { className: entry.reason === "missed" ? "missed" : "" },
      make("span", { className: "row-main flat" },
        make("span", { className: "row-icon" }, icon(symbol)),
        make("span", { className: "row-text" },
          make("b", { text: entry.contact ?? entry.name }),
          make("small", { text: `${moment(entry.started)}${length} · ${entry.sentence}` }))));
  }
}
