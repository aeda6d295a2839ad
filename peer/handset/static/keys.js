// Single keys in a call, and Shift with a letter for what can't be taken back.

import { $ } from "./dom.js";

export function keys({ calls, incoming, stage, dialogs }) {
  $("keys-on").checked = localStorage.getItem("keys") !== "off";
  $("keys-on").addEventListener("change", (event) => localStorage.setItem("keys", event.target.checked ? "on" : "off"));

  // Whoever types when a call comes in must not answer it with the next letter.
  let typed = -Infinity;
  const CALM = 1500;

  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), select, textarea");
    const hurried = performance.now() - typed < CALM;
    if (typing || (hurried && event.key.length === 1)) typed = performance.now();
    if (hurried && incoming.call && event.shiftKey) return;
    if ((typing && event.key !== "Escape") || event.ctrlKey || event.altKey || event.metaKey || !$("keys-on").checked) return;
    const act = (event.shiftKey ? shifted : plain)[event.key.toLowerCase()];
    if (act && act() !== false) event.preventDefault();
  });

  const ringing = (act) => () => (incoming.call ? act() : false);
  const talking = (act) => () => (calls.current && calls.current.state !== "ended" && !$("incoming").open ? act() : false);
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
    escape: () => (document.querySelector("dialog[open]") ? false : incoming.silence() || stage.silence() || stage.closePanel()),
  };
}
