// A device that the browser hasn't given after a moment: the person may not have seen that it asks them, or it is slow.

const MOMENT = 4000;

async function isAllowed(kind) {
  const name = kind === "mic" ? "microphone" : "camera";
  const status = await navigator.permissions?.query({ name }).catch(() => null);
  return status?.state === "granted";
}

// Calls `tell` with `asking` or `slow` for each of these kinds that `device`, a promise, hasn't brought after a moment.
export async function whileAsked(kinds, device, tell) {
  let settled = false;
  const timer = setTimeout(async () => {
    const found = await Promise.all(kinds.map(async (kind) => [kind, (await isAllowed(kind)) ? "slow" : "asking"]));
    if (!settled) for (const [kind, why] of found) tell(kind, why);
  }, MOMENT);
  try {
    return await device;
  } finally {
    settled = true;
    clearTimeout(timer);
  }
}
