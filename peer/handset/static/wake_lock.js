// The screen stays on in a call, where the browser can do that (Screen Wake Lock, W3C). It lets go when the page is out of sight.

let wanted = false;
let lock = null;

async function update() {
  if (!wanted || document.hidden) {
    const held = lock;
    lock = null;
    await (await held)?.release();
    return;
  }
  if (lock || !navigator.wakeLock) return;
  lock = navigator.wakeLock.request("screen").then((held) => {
    held.addEventListener("release", () => { lock = null; });
    return held;
  }, () => {
    lock = null;
    return null;
  });
}

export function stayAwake(on) {
  if (wanted === on) return;
  wanted = on;
  update();
}

document.addEventListener("visibilitychange", update);
