// The name that somebody is to be saved under, and what those are called who aren't saved.

import { $, STRANGER } from "./dom.js";

// The other side's name inside a sentence.
export const within = (name) => (name === STRANGER ? name.replace("S", "s") : name);

// As the program saves a name.
export const asSaved = (name) => name.trim().split(/\s+/).join(" ");

// What stands in a field. Throws a problem if nothing does.
export function wantedName(field) {
  const name = $(field).value.trim();
  if (!name) throw { sentence: "A contact needs a name.", hint: "" };
  return name;
}
