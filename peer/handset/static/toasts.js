// Toasts: sentences that stand at the edge of the page for as long as it takes to read them, or until they are dismissed.

import { $, announce, icon, make, say, topmost } from "./dom.js";

// As long as somebody needs who looks up from something else first and reads slowly.
const LEAST_SECONDS = 8;
const secondsToRead = (text) => Math.max(LEAST_SECONDS, 5 + text.length / 14);

const box = $("toasts");
const isOpen = () => Boolean(box.showPopover) && box.matches(":popover-open");

// Where the focus was before it came into a toast.
let before = null;
box.addEventListener("focusin", ({ relatedTarget }) => {
  if (!box.contains(relatedTarget)) before = relatedTarget;
});

// Beside an open dialog nothing can be pressed, and a screen reader, which knows of nothing there, hears `announce`.
function goTo(home) {
  if (box.parentElement === home) return;
  const wasOpen = isOpen();
  if (wasOpen) box.hidePopover();
  box.setAttribute("aria-live", home === document.body ? "polite" : "off");
  home.append(box);
  if (wasOpen) box.showPopover();
}

const touching = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

// Toasts stand at the lower or the upper edge, where they cover fewer buttons: one that is covered can't be pressed, see
// settled.js.
export function placeToasts() {
  goTo(topmost());
  if (!box.children.length) return;
  const buttons = [...topmost().querySelectorAll("button, input")].filter((each) => each.checkVisibility() && !box.contains(each));
  const rectangles = buttons.map((each) => each.getBoundingClientRect());
  const covered = (above) => {
    box.classList.toggle("above", above);
    const place = box.getBoundingClientRect();
    return rectangles.filter((each) => touching(each, place)).length;
  };
  const below = covered(false);
  box.classList.toggle("above", below > 0 && covered(true) < below);
}

// A dialog opens above them, or the one that they stand in closes.
for (const change of ["toggle", "close"]) document.addEventListener(change, placeToasts, true);

function remove(line) {
  line.remove();
  if (!box.children.length && isOpen()) box.hidePopover();
}

function dismissButton(line) {
  const button = make("button", { className: "toast-dismiss", type: "button", "aria-label": "Dismiss" }, icon("i-close"));
  button.addEventListener("click", () => {
    const beside = (line.nextElementSibling ?? line.previousElementSibling)?.querySelector(".toast-dismiss");
    const next = button.matches(":focus-visible") && beside ? beside : before;
    if (line.contains(document.activeElement)) next?.focus({ preventScroll: true });
    remove(line);
  });
  return button;
}

// `said` is what the program or the page says: a sentence, perhaps with a kind and a hint. Returns what ends it early.
export function toast(said, { urgent = false, seconds = 0, acts = [] } = {}) {
  const line = make("p", { className: urgent ? "toast urgent" : "toast" });
  say(line, typeof said === "string" ? { sentence: said } : said);
  if (!line.textContent) return;
  if (topmost() !== document.body) announce(line.textContent);
  const stays = seconds || secondsToRead(line.textContent);
  line.append(" ", ...acts, dismissButton(line));
  goTo(topmost());
  box.append(line);
  if (box.showPopover && !isOpen()) box.showPopover();
  placeToasts();
  const leave = () => {
    // The focus of somebody at a keyboard would be nowhere.
    if (line.querySelector(":focus-visible")) setTimeout(leave, 1000);
    else remove(line);
  };
  setTimeout(leave, stays * 1000);
  return leave;
}
