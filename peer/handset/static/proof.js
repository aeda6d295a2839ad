// How the page and its program show each other that they know the same key, without sending it. ../proof.py has the bytes.

const NONCE_BYTES = 32;
const text = new TextEncoder();

const HMAC = { name: "HMAC", hash: "SHA-256", length: 256 };
const derivation = (label, salt = new Uint8Array()) => ({ name: "HKDF", hash: "SHA-256", salt, info: text.encode(label) });

const encoded = (bytes) => btoa(String.fromCharCode(...bytes));
const decoded = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

// A key that the page may prove: of what stood in its address, or the home's, which the browser keeps.
export class Key {
  static async ofAddress(kind, secret) {
    const material = await crypto.subtle.importKey("raw", text.encode(secret), "HKDF", false, ["deriveKey"]);
    const proof = await crypto.subtle.deriveKey(derivation("copybara handset proof 1"), material, HMAC, false, ["sign", "verify"]);
    return new Key(kind, proof, material, kind === "ticket" ? await ticketName(secret) : "");
  }

  static ofHome(proof) {
    return new Key("home", proof);
  }

  constructor(kind, proof, material = null, name = "") {
    this.kind = kind;
    this.name = name;
    this.proof = proof;
    this.material = material;
  }
}

async function ticketName(ticket) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text.encode(ticket)));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 16);
}

// One socket's proofs.
export class Meeting {
  #key;
  #tab;
  #mine = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  #theirs = null;

  // `tab` says which tab it is, and whether a person wants the calls there.
  constructor(key, tab) {
    this.#key = key;
    this.#tab = tab;
  }

  get opening() {
    return { type: "prove", key: this.#key.kind, name: this.#key.name, nonce: encoded(this.#mine), ...this.#tab };
  }

  // Whether the program has proven that it knows the key.
  async proven({ nonce, proof }) {
    this.#theirs = decoded(nonce);
    if (this.#theirs.length !== NONCE_BYTES) return false;
    return crypto.subtle.verify("HMAC", this.#key.proof, decoded(proof), this.#said("server"));
  }

  // The page's own proof. Only for a program that has proven itself.
  async answer() {
    const proof = await crypto.subtle.sign("HMAC", this.#key.proof, this.#said("page"));
    return { type: "page-proof", proof: encoded(new Uint8Array(proof)) };
  }

  // The home's key, as the browser keeps it: no script can read it.
  async homeKey({ key }) {
    const salt = new Uint8Array([...this.#mine, ...this.#theirs]);
    const wrapping = await crypto.subtle.deriveKey(
      derivation("copybara handset key 1", salt), this.#key.material, { name: "AES-GCM", length: 256 }, false, ["unwrapKey"]);
    return crypto.subtle.unwrapKey(
      "raw", decoded(key), wrapping, { name: "AES-GCM", iv: new Uint8Array(12) }, HMAC, false, ["sign", "verify"]);
  }

  #said(side) {
    return new Uint8Array([...text.encode(`${side}\0${location.host}\0`), ...this.#mine, ...this.#theirs]);
  }
}
