// Buttons that open a microphone or a camera, connect, save or trust are deaf until a person can have read them: seen,
// in a page that has the focus, for a moment. Otherwise the second click of a double click on another page, or on a
// window in front of this one, would press what has only just appeared under the pointer. They look disabled meanwhile.

// How far apart the clicks of a double click may be, and as long as browsers' own questions are deaf.
export const MOMENT = 500;
const MARK = "data-settles";

// When each marked element was seen first, without a gap since.
const seen = new WeakMap();
let focused = document.hasFocus() ? performance.now() : Infinity;

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting, isVisible } of entries) {
    // Where the browser can tell (IntersectionObserver v2), it also has to be covered by nothing.
    if (!(isVisible ?? isIntersecting)) seen.delete(target);
    else if (!seen.has(target)) seen.set(target, performance.now());
  }
  mark();
}, { trackVisibility: true, delay: 100 });

function look(root) {
  for (const each of root.querySelectorAll(`[${MARK}]`)) observer.observe(each);
}

function looked() {
  focused = document.hidden || !document.hasFocus() ? Infinity : performance.now();
  mark();
}
for (const change of ["focus", "blur"]) addEventListener(change, looked);
document.addEventListener("visibilitychange", looked);

let timer = 0;

// Of a window that isn't in front nothing is dimmed: it may be seen beside another one for hours.
function show() {
  const now = performance.now();
  for (const each of document.querySelectorAll(`[${MARK}]`)) {
    const ready = settled(each, now);
    each.toggleAttribute("data-settled", ready);
    if (each.tagName === "BUTTON") dim(each, !ready && focused < Infinity && !turnsOff(each));
  }
  for (const each of document.querySelectorAll(`button[aria-disabled]:not([${MARK}])`)) dim(each, false);
}

function dim(button, deaf) {
  if (deaf) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

function mark() {
  show();
  clearTimeout(timer);
  timer = setTimeout(show, MOMENT + 10);
}

// What a button does has changed under the same pointer: it has to be read again.
export function unsettle(root) {
  for (const each of [...root.hasAttribute(MARK) ? [root] : [], ...root.querySelectorAll(`[${MARK}]`)]) {
    observer.unobserve(each);
    seen.delete(each);
    observer.observe(each);
  }
  mark();
}

export function settled(element, at = performance.now()) {
  const since = Math.max(focused, seen.get(element) ?? Infinity);
  return document.hasFocus() && at - since >= MOMENT;
}

// Marks a button that a script has made.
export function settles(element) {
  element.setAttribute(MARK, "");
  return element;
}

// To mute, or to turn the camera off, nobody has to wait.
const turnsOff = (element) => element.getAttribute(MARK) === "on" && !element.classList.contains("off");

// A press means what the button did when the finger went down; it may change before the finger is up.
let down = 0;
document.addEventListener("pointerdown", () => { down = performance.now(); }, true);

function gate(event, element) {
  const at = event.detail > 0 ? down : undefined;
  if (!element || turnsOff(element) || settled(element, at)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

document.addEventListener("click", (event) => gate(event, event.target.closest?.(`[${MARK}]`)), true);
document.addEventListener("submit", (event) => {
  gate(event, event.submitter?.closest(`[${MARK}]`) ?? event.target.querySelector(`button[type=submit][${MARK}]`));
}, true);

look(document);
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) {
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      if (node.hasAttribute(MARK)) observer.observe(node);
      look(node);
    }
  }
}).observe(document.body, { childList: true, subtree: true });
