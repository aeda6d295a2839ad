// What is known of the overlay: whether its node answers, and whether that is connected to any other. Some nodes don't say.

import { say, show } from "./dom.js";

export const canReach = (overlay) => Boolean(overlay.address) && overlay.connected !== false;

// Beside a call that hasn't begun, or is over: that the next one would fail now. An echo goes nowhere.
export function sayNetwork(element, overlay, call) {
  say(element, { kind: overlay.kind, sentence: call.echo || canReach(overlay) ? "" : overlay.notice });
  show(element, Boolean(element.textContent));
}

export function overlayInWords({ name, address, connected }) {
  if (!address) return `${name} can't be used`;
  if (name === "Loopback") return "On this computer only";
  if (connected === false) return `${name} is connected to nobody`;
  return connected ? `Connected to ${name}` : `Your ${name} node is running`;
}
