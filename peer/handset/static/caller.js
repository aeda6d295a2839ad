// What can be said of somebody in a line that stands alone, where the page's own warning can't be seen.

export const known = (call) => ["trusted", "contact"].includes(call.trust) && call.proven;

export const rung = (call) => call.trust === "unproven"
  ? `Someone is calling as ${call.name}, without your key`
  : `${call.name} is calling`;

// Of somebody in a conversation; empty: none.
export function doubt(call) {
  if (!call.contact) return [call.called && `“${call.called}”`, "not in your contacts"].filter(Boolean).join(", ");
  if (call.trust === "unproven") return "without the key that you share";
  return call.proven ? "" : "not proven to be them";
}
