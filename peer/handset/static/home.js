// No call: whom to call, the contacts, the latest calls.

import { $, STRANGER, avatar, icon, lasted, make, moment, problem, put, redraw, refuseLong, say, show } from "./dom.js";
import { received, recorded } from "./files.js";
import { calledBefore } from "./incoming.js";
import { within } from "./names.js";
import { canReach, overlayInWords } from "./network.js";
import { isLink } from "./pasted.js";
import { unsettle } from "./settled.js";
import { silentByBrowser } from "./sounds.js";

// So many contacts are seen on a narrow page before the person wants all; home.css knows it too.
const UNFOLDED = 8;

const LONGEST_NAME = 1024; // characters, as in peer/handset/protocol.py
const TOO_LONG = { sentence: "That is too long to be a name, a node id or a card.", hint: "Nothing was cut or sent." };

// The ends that need no whole sentence; the others have the program's.
const ENDS = {
  "hung-up": "", "remote-hung-up": "", declined: "You declined", "remote-declined": "They declined",
  "answered-elsewhere": "Answered elsewhere",
  busy: "You were in a call", "remote-busy": "They were busy", cancelled: "You cancelled",
  "remote-cancelled": "They cancelled", "no-answer": "No answer", unreachable: "Couldn't be reached", lost: "Connection lost",
  flooded: "They sent far too many messages", replaced: "They called you too, and that call was connected",
  failed: "Failed", stopped: "Copybara was stopped",
};

function how(entry) {
  const call = `${entry.media === "video" ? "video" : "audio"} call`;
  const end = entry.reason === "missed" ? `Missed ${call}` : ENDS[entry.reason] ?? entry.sentence;
  return [end || `${entry.role === "caller" ? "Outgoing" : "Incoming"} ${call}`, entry.automatic ? "answered automatically" : ""]
    .filter(Boolean).join(", ");
}

function came(files) {
  return files.length > 1 ? `${files.length} files received` : files.length ? `Received ${files[0].name}` : "";
}

export class Home {
  // What goes back to the call on hold.
  onBack = () => {};
  #program;
  #world;
  #dialogs;
  // The person wants to see all contacts.
  #all = false;

  constructor(program, world, dialogs) {
    this.#program = program;
    this.#world = world;
    this.#dialogs = dialogs;
    $("all-contacts").addEventListener("click", () => this.#unfold());
    $("new-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(event.submitter?.value ?? "video");
    });
    $("whom").addEventListener("input", () => problem($("new-problem"), null));
    $("open-card").addEventListener("click", () => dialogs.card());
    $("open-settings").addEventListener("click", () => dialogs.settings());
    $("open-add").addEventListener("click", () => dialogs.add());
    $("changed-seen").addEventListener("click", () => program.send("seen-changes", { changes: this.#world.changes }));
    $("held-back").addEventListener("click", () => this.onBack());
    // The row that opened it may have been redrawn meanwhile, or be gone.
    $("contact").addEventListener("close", () => {
      const row = document.querySelector(`[data-hold="${CSS.escape(`who ${$("contact-title").textContent}`)}"]`);
      (row?.checkVisibility() ? row : $("open-add")).focus();
    });
  }

  #explain(text) {
    problem($("new-problem"), null);
    this.#dialogs.explain(text, { pasted: true });
  }

  async #submit(media) {
    const whom = $("whom").value.trim();
    if (!whom) {
      problem($("new-problem"), { sentence: "Who do you want to call?", hint: "Type a contact's name, or paste a link or card." });
      return $("whom").focus();
    }
    // A contact card is a link too, and can be called.
    try {
      refuseLong($("new-form"));
      if (!isLink(whom) && whom.length > LONGEST_NAME) throw TOO_LONG;
    } catch (error) {
      return problem($("new-problem"), error);
    }
    if (isLink(whom)) {
      this.#explain(whom);
      $("whom").value = "";
      return undefined;
    }
    return this.#call(whom, media);
  }

  // With its node it calls whom the page shows, though the name may be another contact's by now.
  async #call(whom, media, node = "") {
    problem($("new-problem"), null);
    try {
      await this.#program.ask("place", { whom, media, node });
      $("whom").value = "";
    } catch (error) {
      problem($("new-problem"), error);
    }
  }

  // That a call is on hold, while its owner calls somebody else; empty without one.
  drawHeld(sentence) {
    put($("held-notice-text"), sentence);
    show($("held-notice"), Boolean(sentence));
  }

  draw() {
    const { overlay, contacts, log } = this.#world;
    put($("overlay-text"), overlayInWords(overlay));
    $("overlay").dataset.up = String(canReach(overlay));
    say($("overlay-notice-text"), { kind: overlay.kind, sentence: overlay.notice });
    show($("overlay-notice"), Boolean(overlay.notice));
    show($("sound-notice"), silentByBrowser());
    if (redraw($("changed-list"), this.#world.changes, (sentence) => make("li", { text: sentence }))) unsettle($("changed-seen"));
    show($("changed-notice"), this.#world.changes.length > 0);
    redraw($("names"), contacts.map((contact) => contact.name), (name) => make("option", { value: name }));
    redraw($("contacts"), contacts.map((contact) => ({ ...contact, words: this.#words(contact) })), (contact) => this.#contact(contact));
    show($("no-contacts"), !contacts.length);
    this.#fold(contacts.length);
    redraw($("log"), log.slice(0, 20).map((entry, at) => ({ ...entry, before: this.#before(entry, at) })), (entry) => this.#entry(entry));
    show($("no-log"), !log.length);
  }

  #fold(number) {
    const folded = number > UNFOLDED && !this.#all;
    $("contacts").classList.toggle("folded", folded);
    put($("all-contacts"), `Show all ${number} contacts`);
    show($("all-contacts"), folded);
  }

  #unfold() {
    this.#all = true;
    this.draw();
    $("contacts").children[UNFOLDED].querySelector("button").focus();
  }

  // What waits for them, what happens when they call, and what is missing before one link is enough.
  #words({ node, paired, trust_words, waits }) {
    const called = this.#world.log.some((entry) => entry.node === node && entry.seconds !== null);
    const missing = paired ? "" : called ? ", compare the words in your next call" : ", not called yet";
    return [waits, `${trust_words}${missing}`].filter(Boolean).join(" · ");
  }

  #contact(contact) {
    const face = make("span", { className: "avatar", "aria-hidden": "true" });
    avatar(face, contact.name, contact.node);
    const who = make("button", {
      className: "row-main", type: "button", title: "What happens when they call", "data-hold": `who ${contact.name}`,
    }, face,
      make("span", { className: "row-text" }, make("b", { text: contact.name }), make("small", { text: contact.words })));
    who.addEventListener("click", () => this.#dialogs.contact(contact));
    const row = make("li", {}, who);
    for (const [media, name, symbol] of [["audio", "Audio call", "i-phone"], ["video", "Video call", "i-camera"]]) {
      const button = make("button", {
        className: "button round plain", type: "button", title: name, "data-settles": "", "aria-label": `${name} to ${contact.name}`,
        "data-hold": `${media} ${contact.name}`,
      }, icon(symbol));
      button.addEventListener("click", () => this.#call(contact.name, media, contact.node));
      row.append(button);
    }
    return row;
  }

  // Somebody who isn't saved has no name; that it was the same one as before can be seen.
  #before(entry, at) {
    const before = entry.contact ? null : calledBefore(this.#world.log.slice(at + 1), entry);
    return before ? `same caller as at ${moment(before.started)}` : "";
  }

  #saveButton(entry) {
    const { node, started } = entry;
    const save = make("button", {
      className: "button round plain", type: "button", title: "Save them in your contacts",
      "aria-label": `Save them in your contacts, from the call of ${moment(started)}`,
      "data-hold": `save ${started} ${node}`,
    }, icon("i-user-plus"));
    save.addEventListener("click", () => this.#dialogs.save(entry));
    return save;
  }

  #entry(entry) {
    const symbol = entry.reason === "missed" ? "i-missed" : entry.role === "caller" ? "i-out" : "i-in";
    const length = entry.seconds === null ? "" : ` · ${lasted(entry.seconds)}`;
    const name = entry.contact ?? entry.name;
    const words = entry.media === "video" ? "Video call" : "Audio call";
    const again = make("button", {
      className: "button round plain", type: "button", title: `${words} again`, "data-settles": "", "aria-label": `${words} to ${within(name)} again`,
      "data-hold": `log ${entry.started} ${entry.node}`,
    }, icon(entry.media === "video" ? "i-camera" : "i-phone"));
    again.addEventListener("click", () => this.#call(entry.contact ?? entry.node, entry.media, entry.node));
    const save = entry.contact || entry.name !== STRANGER ? [] : [this.#saveButton(entry)];
    const files = entry.received ?? [];
    const made = entry.recorded ?? [];
    const list = files.length + made.length ? [make("details", { className: "row-more" },
      make("summary", { text: [came(files), ["", "1 recording"][made.length] ?? `${made.length} recordings`].filter(Boolean).join(", ") }),
      make("ul", { className: "arrived" },
        ...files.map((file) => received(this.#program, file, within(name))), ...made.map((each) => recorded(this.#program, each))))] : [];
    return make("li", { className: entry.reason === "missed" ? "missed" : "" },
      make("span", { className: "row-main" },
        make("span", { className: "row-icon" }, icon(symbol)),
        make("span", { className: "row-text" },
          make("b", { text: name }),
          make("small", { text: [`${moment(entry.started)}${length}`, how(entry), entry.before].filter(Boolean).join(" · "), title: entry.sentence }))),
      ...save, again, ...list);
  }
}
