// Files in a call: what is offered, what is on its way, and what the person drops here or chooses.

import { $, announce, copyButton, icon, make, put, redraw, say, show } from "./dom.js";
import { settles, unsettle } from "./settled.js";
import { toast } from "./toasts.js";

const PIECE = 48 * 1024;
const MOST_UNTAKEN = 1024 * 1024;
const OVER = ["done", "declined", "cancelled", "failed"];
const SECONDS_SHOWN = 20;
const SECONDS_AWAY = 1;
const WAYS_TO_CHOOSE = ["file-choose", "c-file", "m-file"];

// One file on its way from this browser to the program, a piece at a time.
export class Upload {
  #program;
  #file;
  #number = 0;
  #taken = 0;
  #room = () => {};
  #stopped = false;

  static #made = 0;
  key = ++Upload.#made;

  constructor(program, file) {
    this.#program = program;
    this.#file = file;
  }

  get number() { return this.#number; }

  get name() { return this.#file.name; }

  get words() {
    return `${this.#file.name}: getting it ready, ${Math.floor(100 * this.#taken / Math.max(1, this.#file.size))} %`;
  }

  taken(bytes) {
    this.#taken = bytes;
    this.#room();
  }

  stop() {
    this.#stopped = true;
    this.#program.send("cancel-upload", { upload: this.#number });
    this.#room();
  }

  async run(call) {
    await this.#as("send-file", { call, name: this.#file.name, size: this.#file.size });
  }

  // A voice message for a contact, after the call that they didn't answer.
  async leave(call, node, form) {
    await this.#as("leave-voice", { call, node, form, size: this.#file.size });
  }

  async #as(type, values) {
    const { id, done } = this.#program.request(type, values);
    this.#number = id;
    await done;
    for (let at = 0; at < this.#file.size && !this.#stopped; at += PIECE) {
      const data = await this.#file.slice(at, at + PIECE).arrayBuffer();
      while (at - this.#taken > MOST_UNTAKEN && !this.#stopped) await new Promise((resolve) => { this.#room = resolve; });
      if (!this.#stopped) this.#program.sendPiece(id, data);
    }
    while (this.#taken < this.#file.size && !this.#stopped) await new Promise((resolve) => { this.#room = resolve; });
  }
}

// The server sends it to be saved, never to be shown.
async function save(program, { file, name, recording = false }) {
  try {
    const { address } = await program.ask("save-file", { file, recording });
    const link = make("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
  } catch (error) {
    toast(error, { urgent: true });
  }
}

// Over TLS this is the page of a device.
function saveButton(program, file) {
  const text = location.protocol === "https:" ? "Save on this device" : "Save a copy";
  const button = make("button", { className: "button small", type: "button", text, "data-hold": `save ${file.recording ? "recording" : "file"} ${file.file}` });
  button.addEventListener("click", () => save(program, file));
  return button;
}

// The server sends it as bytes to be saved, whatever is in it; only here it becomes sound.
function player(program, { file, name }, who) {
  const sound = make("audio", { controls: "", preload: "none", "aria-label": `Voice message from ${who}` });
  const button = make("button", { className: "button small", type: "button", text: "Play", "data-hold": `play ${file}` });
  button.addEventListener("click", async () => {
    try {
      const { address } = await program.ask("save-file", { file });
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(answer.statusText);
      const bytes = await answer.arrayBuffer();
      sound.src = URL.createObjectURL(new Blob([bytes], { type: `audio/${name.split(".").at(-1)}` }));
      button.replaceWith(sound);
      sound.focus();
      await sound.play();
    } catch (error) {
      toast(error.sentence ? error : "The voice message can't be played here.", { urgent: true });
    }
  });
  return button;
}

// What a person does with a file that has come from `who`: it is saved, and a voice message is played, too.
function useButtons(program, file, who) {
  return [...file.voice ? [player(program, file, who)] : [], saveButton(program, file)];
}

// Where a file is on the computer at home: the page may open none.
function copyPath(path) {
  return copyButton("Copy path", path);
}

// A file that has come, with its buttons.
export function received(program, file, who) {
  return place(file.name, file.path, [...useButtons(program, file, who), copyPath(file.path)]);
}

// The buttons of the owner's own recording of a call.
export function recordingButtons(program, { recording, path }) {
  return [saveButton(program, { file: recording, name: path.split("/").at(-1), recording: true }), copyPath(path)];
}

export function recorded(program, made) {
  return place("Recording of this call", made.path, recordingButtons(program, made));
}

// A file that is here: its name, where it is on the computer at home, and its buttons.
function place(name, path, buttons) {
  return make("li", {}, make("b", { text: name }), make("code", { text: path }), make("span", { className: "actions" }, ...buttons));
}

export class Files {
  #program;
  #calls;
  #files = new Map();
  #uploads = new Set();
  // The numbers of those that have come and that the person has hidden. A program that was started again counts from the beginning.
  #hidden = new Set();
  // The call that was here when the dialog was opened, and when what is dragged came over the page: for no other is it.
  #chosenFor = null;
  #draggedFor = null;
  #leaving = 0;
  #here = null;
  #shape = "";
  #rows = new Map();

  constructor(program, calls) {
    this.#program = program;
    this.#calls = calls;
    program.addEventListener("hello", ({ detail }) => {
      this.#files = new Map((detail.files ?? []).map((file) => [file.file, { ...file, since: 0 }]));
      this.#hidden.clear();
      this.draw();
    });
    program.addEventListener("state", () => this.#interrupt());
    program.addEventListener("file", ({ detail }) => this.#told(detail));
    program.addEventListener("file-taken", ({ detail }) => {
      for (const upload of this.#uploads) if (upload.number === detail.upload) upload.taken(detail.bytes);
      this.draw();
    });
    program.addEventListener("problem", ({ detail }) => {
      for (const upload of this.#uploads) if (upload.number === detail.id) upload.stop();
    });
    for (const id of WAYS_TO_CHOOSE) {
      $(id).addEventListener("click", () => {
        $("more").close();
        this.#chosenFor = this.#calls.current?.id ?? null;
        $("file-input").click();
      });
    }
    $("file-input").addEventListener("change", () => {
      this.send([...$("file-input").files], this.#chosenFor);
      $("file-input").value = "";
    });
    const stage = $("stage");
    const files = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
    const over = (event, on) => {
      if (!files(event)) return;
      event.preventDefault();
      stage.classList.toggle("drop-here", on);
    };
    stage.addEventListener("dragover", (event) => over(event, true));
    stage.addEventListener("dragleave", (event) => over(event, stage.contains(event.relatedTarget)));
    stage.addEventListener("drop", (event) => {
      over(event, false);
      if (files(event)) this.send([...event.dataTransfer.files], this.#draggedFor?.call ?? null);
    });
    // Capturing: the stage's own listeners come after. Browsers don't agree on what an element that goes away under the
    // pointer sends; as long as something comes within a second, it is the same drag.
    const drags = (event) => {
      if (!files(event)) return;
      clearTimeout(this.#leaving);
      this.#draggedFor ??= { call: this.#calls.current?.id ?? null };
    };
    const leaves = (seconds) => {
      clearTimeout(this.#leaving);
      this.#leaving = setTimeout(() => { this.#draggedFor = null; }, seconds * 1000);
    };
    for (const kind of ["dragenter", "dragover"]) addEventListener(kind, drags, { capture: true });
    addEventListener("dragleave", () => leaves(SECONDS_AWAY), { capture: true });
    addEventListener("drop", () => leaves(0));
    // Beside the call, a file that is dropped would take the page's place.
    for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => { if (files(event)) event.preventDefault(); });
    // What this browser hasn't given to the program yet is lost with the page.
    addEventListener("beforeunload", (event) => {
      if (this.#uploads.size) event.preventDefault();
    });
    setInterval(() => this.#forgetOld(), 1000);
  }

  // Offer files in the call with that number, if that is the one that is here still.
  async send(files, id) {
    if (!files.length) return;
    const call = this.#calls.current;
    if (call?.id !== id || !["active", "reconnecting"].includes(call?.state)) {
      toast(`${this.#whyNot(id)}; nothing was sent.`, { urgent: true });
      return;
    }
    await Promise.all(files.map(async (file) => {
      const upload = new Upload(this.#program, file);
      this.#uploads.add(upload);
      this.draw();
      try {
        await upload.run(call.id);
      } catch (error) {
        // Of one that was interrupted that was said.
        if (!this.#uploads.has(upload)) return;
        // A folder, or a file that is gone, fails in the browser.
        toast(error.sentence ? error : { sentence: `${file.name} can't be read.`, hint: "Pack a folder into an archive first." }, { urgent: true });
      } finally {
        this.#uploads.delete(upload);
        this.draw();
      }
    }));
  }

  // The program forgets what it doesn't have whole when it loses its page.
  #interrupt() {
    for (const upload of this.#uploads) {
      this.#uploads.delete(upload);
      upload.stop();
      const sentence = `${upload.name} wasn't sent: the connection to Copybara was interrupted.`;
      toast({ sentence, hint: "Send it again." }, { urgent: true, seconds: 30 });
    }
  }

  #whyNot(id) {
    const call = this.#calls.current;
    if (call?.id === id && call?.state !== "ended") return "The call isn't connected";
    return id === null || this.#calls.others.some((other) => other.id === id) ? "Another call is here now" : "That call is over";
  }

  #told(file) {
    const before = this.#files.get(file.file);
    this.#files.set(file.file, { ...file, since: OVER.includes(file.state) ? Date.now() : 0 });
    if (before?.state !== file.state && file.sentence) announce({ kind: file.kind, sentence: file.sentence });
    this.draw();
  }

  // What is over stays for a moment, what has arrived until the call ends.
  #forgetOld() {
    let gone = false;
    for (const [number, file] of this.#files) {
      const stays = file.state === "done" && !file.ours;
      if (file.since && !stays && Date.now() - file.since > SECONDS_SHOWN * 1000) gone = this.#files.delete(number) || gone;
    }
    if (gone) this.draw();
  }

  draw() {
    const call = this.#calls.current;
    const rows = [...this.#uploads].map((upload) => ({ upload: upload.key, sentence: upload.words }));
    // Those of all who are in the conversation: nobody has to be large to offer something.
    const shown = call ? this.#calls.conversation(call).map((each) => each.id) : [];
    for (const file of this.#files.values()) if (shown.includes(file.call) && !this.#hidden.has(file.file)) rows.push(file);
    show($("files"), Boolean(rows.length));
    // A row that says what it said is the same element, so that its button settles while others count their bytes.
    const drawn = new Map();
    redraw($("files"), rows, (row) => {
      const state = JSON.stringify(row);
      drawn.set(state, this.#rows.get(state) ?? (row.upload === undefined ? this.#row(row) : this.#uploadRow(row)));
      return drawn.get(state);
    });
    if (drawn.size || !rows.length) this.#rows = drawn;
    // What a click means has moved: rows came, went or grew.
    const shape = JSON.stringify(rows.map((row) => [row.upload, row.file, row.state]));
    if (shape !== this.#shape) unsettle($("files"));
    this.#shape = shape;
    if (call?.id !== this.#here) for (const way of WAYS_TO_CHOOSE) unsettle($(way));
    this.#here = call?.id;
  }

  // What came in a call that has ended: where it is.
  drawArrived(call) {
    const arrived = [...this.#files.values()].filter((file) => file.call === call.id && !file.ours && file.state === "done");
    redraw($("ended-files-list"), arrived, (file) => received(this.#program, file, call.name));
    show($("ended-files"), arrived.length > 0);
  }

  #button(label, hold, act, className = "button small") {
    const button = make("button", { className, type: "button", text: label, "data-hold": hold });
    button.addEventListener("click", act);
    return button;
  }

  // A file that has come stands beside the picture until it is hidden; after the call it is listed either way.
  #hideButton(number, name) {
    const button = make("button", { className: "button round plain file-end", type: "button", title: "Hide", "aria-label": `Hide ${name}`, "data-hold": `hide ${number}` }, icon("i-close"));
    button.addEventListener("click", () => {
      this.#hidden.add(number);
      this.draw();
      $("stage-name").focus({ preventScroll: true });
    });
    return button;
  }

  #uploadRow({ upload, sentence }) {
    const cancel = this.#button("Cancel", `upload ${upload}`, () => {
      for (const each of this.#uploads) if (each.key === upload) each.stop();
    }, "button small file-end");
    return make("li", {}, make("span", { className: "file-words", text: sentence }), cancel);
  }

  #row(file) {
    const { file: number, name, state, ours, size, done } = file;
    const words = make("span", { className: "file-words" });
    say(words, { kind: file.kind, sentence: file.sentence });
    const parts = [icon("i-clip"), words];
    if (state === "running" || state === "paused") {
      parts.push(make("progress", { max: String(Math.max(1, size)), value: String(done), "aria-label": name }));
      parts.push(make("span", { className: "muted small", text: file.detail }));
    }
    const answer = (accept) => this.#ask("answer-file", { file: number, accept });
    if (state === "offered" && !ours) {
      parts.push(this.#button("Decline", `no ${number}`, () => answer(false)));
      parts.push(settles(this.#button("Accept", `yes ${number}`, () => answer(true), "button small primary")));
    } else if (!OVER.includes(state)) {
      const cancel = this.#button("Cancel", `cancel ${number}`, () => this.#ask("cancel-file", { file: number }), "button small file-end");
      cancel.setAttribute("aria-label", `Cancel ${name}`);
      parts.push(cancel);
    } else if (file.path) {
      parts.push(...useButtons(this.#program, file, this.#calls.name(file.call) ?? "them"), copyPath(file.path), this.#hideButton(number, name));
    }
    return make("li", { "data-state": state, "data-name": name }, ...parts);
  }

  async #ask(type, values) {
    try {
      await this.#program.ask(type, values);
    } catch (error) {
      toast(error, { urgent: true });
    }
  }
}
