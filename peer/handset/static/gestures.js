// What the person does on the page: browsers let it be heard from then on, and not before.

const EVENTS = ["pointerdown", "pointerup", "click", "keydown"];

export function atEachGesture(act) {
  for (const name of EVENTS) addEventListener(name, act, { capture: true, passive: true });
}
