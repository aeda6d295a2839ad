// Links and contact cards that are pasted, wherever on the page: a call rings, the answer to ours connects it, what else the
// other side says of a call is taken as said, and what anything else is, is said at once.

import { $, problem } from "./dom.js";
import { toast } from "./toasts.js";

const LINK = /^(copybara:|https?:\/\/|file:\/\/|\{ *"|v=0)|^[A-Za-z0-9_-]{64,}$/;
// A whole message that a link or card came in.
const INSIDE = /(^|\s)copybara:[A-Za-z0-9_-]{20,}/;
const LONGEST = 32768; // characters, as in peer/handset/protocol.py
const VIEWS = ["home", "ended", "outgoing", "stage"];

export const isLink = (text) => LINK.test(text);

// What a field would still have beside what is pasted: all but the selected text.
const stays = ({ value, selectionStart, selectionEnd }) => value.slice(0, selectionStart) + value.slice(selectionEnd);

export function explainPasted(dialogs) {
  const explain = (text) => dialogs.explain(text, { pasted: true });
  document.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    if (!VIEWS.includes(document.body.dataset.view) || !(isLink(text) || INSIDE.test(text))) return;
    const field = event.target.closest?.("input");
    // What is written beside a call may be a link, and what a dialog asks for, too.
    if (field && (stays(field).trim() || field.closest("dialog, .stage"))) return;
    if (text.length > LONGEST) {
      // A field of links says so itself.
      if (!field) toast({ sentence: `That is too long: ${text.length} characters, of at most ${LONGEST}.`, hint: "" }, { urgent: true });
      return;
    }
    event.preventDefault();
    if (field?.value) field.value = "";
    problem($("new-problem"), null);
    explain(text);
  });
  // A keyboard may put it there without pasting.
  $("ended-paste").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("ended-pasted").value.trim();
    if (text) explain(text);
    $("ended-pasted").value = "";
  });
}
