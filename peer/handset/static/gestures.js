// What the person does on the page: browsers let it be heard from then on, and not before.

const EVENTS = ["pointerdown", "pointerup", "click", "keydown"];

export function atEachGesture(act) {
  for (const name of EVENTS) addEventListener(name, act, { capture: true, passive: true });
}

let pressed = false;
let waiting = [];

function released() {
  pressed = false;
  // The click of this press comes first.
  setTimeout(() => {
    if (pressed) return;
    const acts = waiting;
    waiting = [];
    for (const act of acts) act();
  });
}

addEventListener("pointerdown", () => { pressed = true; }, { capture: true, passive: true });
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, released, { capture: true, passive: true });
addEventListener("blur", released);

// Acts once no pointer is down. What moves between the press and the release of a button makes the browser lose the click.
export function whenReleased(act) {
  if (pressed) waiting.push(act);
  else act();
}
