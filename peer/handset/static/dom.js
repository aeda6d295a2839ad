// Small things that every part of the page uses. Whatever others may have written goes in as text, never as markup.

export const $ = (id) => document.getElementById(id);

export function show(element, visible) {
  element.hidden = !visible;
}

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// What the program says: the sentence for people, and its kind, a word that stays when the English changes, for scripts.
export function say(element, said) {
  const words = [said?.sentence, said?.hint].filter(Boolean).join(" ");
  // What others have written may stand in the rest, and a name keeps its backticks.
  const parts = /^(error|overlay)\./.test(said?.kind ?? "") ? words.split(/`([^`]+)`/) : [words];
  if (element.textContent !== parts.join("")) {
    element.replaceChildren(...parts.map((part, at) => (at % 2 ? make("code", { text: part }) : part)));
  }
  element.dataset.kind = said?.kind ?? "";
}

export function make(tag, { text, className, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(within, name) {
  within.querySelector("svg.icon use").setAttribute("href", `#${name}`);
}

// What the program calls somebody who isn't in the contacts.
export const STRANGER = "Somebody you haven't saved";

// The first letter and one of six quiet colours, the same for the same node every time.
export function avatar(element, name, node) {
  const letter = name === STRANGER ? "?" : [...name.replace(/^node /, "")][0] ?? "?";
  put(element, letter.toUpperCase());
  let sum = 0;
  for (const character of node || name) sum = (sum * 31 + character.codePointAt(0)) % 997;
  element.dataset.tint = String(sum % 6);
}

export function problem(element, error) {
  say(element, error);
  show(element, Boolean(element.textContent));
}

// The browser would cut what is pasted, in silence.
export function refuseLong(form) {
  for (const field of form.querySelectorAll("[data-most]")) {
    const { length } = [...field.value.trim()];
    if (length > Number(field.dataset.most)) {
      throw { sentence: `That is too long: ${length} characters, of at most ${field.dataset.most}.`, hint: "Nothing was cut or sent." };
    }
  }
}

// What a form does; what goes wrong is said below it.
export function onSubmit(id, said, act) {
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    problem($(said), null);
    try {
      refuseLong(event.currentTarget);
      await act();
    } catch (error) {
      problem($(said), error);
    }
  });
}

// What stands on a button that copies; it says for a moment what came of a press, perhaps of several.
const labels = new WeakMap();

export async function copy(button, text) {
  const label = button.querySelector("span");
  const { words, timer } = labels.get(button) ?? { words: label.textContent };
  clearTimeout(timer);
  let came = "Copied";
  await navigator.clipboard.writeText(text).catch(() => { came = "Not copied: select it instead"; });
  put(label, came);
  announce(came);
  labels.set(button, { words, timer: setTimeout(() => put(label, words), 2000) });
}

export function copyButton(words, text) {
  const button = make("button", { className: "button small", type: "button" }, icon("i-copy"), make("span", { text: words }));
  button.addEventListener("click", () => copy(button, text));
  return button;
}

// Data addresses only: the program makes them, and the Content-Security-Policy allows nothing else.
export function picture(image, address) {
  if (address.startsWith("data:image/svg+xml")) image.src = address;
}

// What is above everything else: of several dialogs the one that has the focus.
export const topmost = () => document.activeElement?.closest("dialog:modal") ?? [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;

// A screen reader knows of nothing beside an open dialog.
function beHeard() {
  if ($("announce").parentElement !== topmost()) topmost().prepend($("announce"));
}

// The same words twice are news twice: a screen reader speaks when the text changes.
export function announce(said) {
  beHeard();
  put($("announce"), "");
  setTimeout(() => {
    beHeard();
    say($("announce"), typeof said === "string" ? { sentence: said } : said);
  }, 50);
}

// A list, redrawn only when what it shows has changed, which is returned; the focus stays with the row it was in.
const drawn = new WeakMap();

export function redraw(list, items, row) {
  const state = JSON.stringify(items);
  if (drawn.get(list) === state) return false;
  drawn.set(list, state);
  const held = list.contains(document.activeElement) ? document.activeElement.dataset.hold : undefined;
  list.replaceChildren(...items.map(row));
  if (held) list.querySelector(`[data-hold="${CSS.escape(held)}"]`)?.focus();
  return true;
}

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// How long a call was, for a list in which times of day stand too: 1:52 would be one.
export function lasted(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

// As bot/texts/times.py writes it in chat and terminal, whatever the browser's language is; without the date if it is today's.
export function moment(unix) {
  const date = new Date(unix * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return new Date().toDateString() === date.toDateString() ? time : `${day} ${time}`;
}
