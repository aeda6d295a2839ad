// What is known of the overlay: whether its node answers, and whether that is connected to any other. Some nodes don't say.

export const canReach = (overlay) => Boolean(overlay.address) && overlay.connected !== false;

export function overlayInWords({ name, address, connected }) {
  if (!address) return `${name} can't be used`;
  if (name === "Loopback") return "On this computer only";
  if (connected === false) return `${name} is connected to nobody`;
  return connected ? `Connected to ${name}` : `Your ${name} node is running`;
}
