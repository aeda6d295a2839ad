// Single keys in a call, and Shift with a letter for what can't be taken back.

import { $ } from "./dom.js";

export function keys({ calls, incoming, stage, dialogs }) {
  $("keys-on").checked = localStorage.getItem("keys") !== "off";
  $("keys-on").addEventListener("change", (event) => localStorage.setItem("keys", event.target.checked ? "on" : "off"));

  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
    if ((typing && event.key !== "Escape") || event.ctrlKey || event.altKey || event.metaKey || !$("keys-on").checked) return;
    const act = (event.shiftKey ? shifted : plain)[event.key.toLowerCase()];
    if (act && act() !== false) event.preventDefault();
  });

  const ringing = (act) => () => (incoming.call ? act() : false);
  const talking = (act) => () => (calls.current && calls.current.state !== "ended" && !incoming.call ? act() : false);
  const shifted = {
    v: ringing(() => incoming.answer("video")),
    a: ringing(() => incoming.answer("audio")),
    d: ringing(() => incoming.decline()),
    h: talking(() => stage.hangUp()),
  };
  const plain = {
    m: talking(() => stage.mute()),
    v: talking(() => stage.camera()),
    s: talking(() => stage.share()),
    c: talking(() => stage.panel("chat")),
    i: talking(() => stage.panel("about")),
    f: talking(() => stage.fullScreen()),
    d: () => (document.querySelector("dialog[open]") ? false : dialogs.settings()),
    escape: () => (document.querySelector("dialog[open]") ? false : stage.closePanel()),
  };
}
