// Where the browser keeps the home's key: in IndexedDB, which can hold a key that no script can read.

const NAME = "copybara";
const STORE = "keys";
const HOME = "home";

// Other tabs that wait for a key look again.
const channel = new BroadcastChannel("copybara-key");

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// Ask the store for something. The database is closed again at once: while a page holds it open, the browser can't forget it.
async function fromStore(mode, request) {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await asked(opening);
  try {
    return await asked(request(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

// The key, or null: this browser has none, or keeps nothing.
export async function keptKey() {
  try {
    return (await fromStore("readonly", (keys) => keys.get(HOME))) ?? null;
  } catch {
    return null;
  }
}

export async function keepKey(key) {
  try {
    await fromStore("readwrite", (keys) => keys.put(key, HOME));
    channel.postMessage("kept");
  } catch {
    // A browser that keeps nothing still has the key until the page is closed.
  }
}

export function whenKept(act) {
  channel.addEventListener("message", act);
}
