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

async function store(mode) {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await asked(opening);
  return database.transaction(STORE, mode).objectStore(STORE);
}

// The key, or null: this browser has none, or keeps nothing.
export async function keptKey() {
  try {
    return (await asked((await store("readonly")).get(HOME))) ?? null;
  } catch {
    return null;
  }
}

export async function keepKey(key) {
  try {
    await asked((await store("readwrite")).put(key, HOME));
    channel.postMessage("kept");
  } catch {
    // A browser that keeps nothing still has the key until the page is closed.
  }
}

export function whenKept(act) {
  channel.addEventListener("message", act);
}
