// The name that somebody is to be saved under.

import { $ } from "./dom.js";

// What stands in a field. Throws a problem if nothing does.
export function wantedName(field) {
  const name = $(field).value.trim();
  if (!name) throw { sentence: "A contact needs a name.", hint: "" };
  return name;
}
