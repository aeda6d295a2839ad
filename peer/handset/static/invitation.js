// The invitation for a friend who doesn't have Copybara yet. Two places copy it, and both have the same box beside it.

import { $, copy, copyButton, make, put, redraw, show } from "./dom.js";

const BUTTONS = ["welcome-invite", "invitation-copy"];

function noteRow({ text, command }) {
  const note = make("div", {}, make("p", { text }));
  if (command) note.append(make("div", { className: "link-line" }, make("code", { className: "token", text: command }), copyButton("Copy command", command)));
  return note;
}

export class Invitation {
  #world;
  // What the owner agrees to by ticking the box: it names internet addresses, so for others they are asked again.
  #agreed = "";

  constructor(world) {
    this.#world = world;
    for (const name of BUTTONS) $(name).addEventListener("click", () => copy($(name), this.#text()));
    for (const box of this.#boxes()) box.addEventListener("change", () => this.#tick(box.checked));
  }

  draw() {
    const { invitation_notes: notes, invitation_with_peers: named } = this.#world.hello;
    for (const box of document.querySelectorAll(".invitation-notes")) {
      redraw(box, notes, noteRow);
      show(box, notes.length > 0);
    }
    const agreed = named?.agreed ?? "";
    if (agreed !== this.#agreed) this.#tick(false);
    this.#agreed = agreed;
    for (const label of document.querySelectorAll(".invitation-peers")) {
      put(label.querySelector("span"), agreed);
      show(label, Boolean(agreed));
    }
  }

  #text() {
    const { invitation, invitation_with_peers: named } = this.#world.hello;
    return named && this.#boxes()[0].checked ? named.text : invitation;
  }

  #tick(on) {
    for (const box of this.#boxes()) box.checked = on;
  }

  #boxes() {
    return document.querySelectorAll(".invitation-peers input");
  }
}
