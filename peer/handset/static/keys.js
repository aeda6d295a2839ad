// Single keys in a call, and Shift with a letter for what can't be taken back.

import { $ } from "./dom.js";
import { settled } from "./settled.js";

export function keys({ calls, incoming, outgoing, view, dialogs }) {
  $("keys-on").checked = localStorage.getItem("keys") !== "off";
  $("keys-on").addEventListener("change", (event) => localStorage.setItem("keys", event.target.checked ? "on" : "off"));

  // Typing when a call comes in must not answer it with the next letter.
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
  // A key is no quicker than the button that it stands for.
  const answer = (media, beside) =>
    (settled($($("incoming").open ? `answer-${media}` : beside)) ? incoming.answer(media) : true);
  const answerAndHold = () =>
    (!$("beside-hold").checkVisibility() || (settled($("beside-hold")) ? incoming.answer("video", "hold") : true));
  const turn = (button, act) => (!$(button).classList.contains("off") || settled($(button)) ? act() : true);
  const hangUp = () => {
    const button = $("c-hangup");
    return !button.checkVisibility() || !button.hasAttribute("data-settles") || settled(button) ? calls.hangUp() : true;
  };
  const shifted = {
    v: ringing(() => answer("video", "beside-answer")),
    a: ringing(() => answer("audio", "beside-audio")),
    p: ringing(answerAndHold),
    d: ringing(() => incoming.decline()),
    h: talking(hangUp),
  };
  const plain = {
    m: talking(() => turn("c-mic", () => view.mute())),
    v: talking(() => turn("c-camera", () => view.camera())),
    s: talking(() => view.share()),
    p: talking(() => view.hold()),
    c: talking(() => view.panel.toggle("chat")),
    i: talking(() => view.panel.toggle("about")),
    f: talking(() => view.fullScreen()),
    d: () => (document.querySelector("dialog[open]") ? false : dialogs.settings()),
    escape: () => (document.querySelector("dialog[open]") ? false : incoming.silence() || outgoing.silence() || view.panel.close()),
  };
}
