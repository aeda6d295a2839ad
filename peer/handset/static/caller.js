// What can be said of a caller in a line that stands alone, where the page's own warning can't be seen.

export const known = (call) => ["trusted", "contact"].includes(call.trust) && call.proven;

export const rung = (call) => call.trust === "unproven"
  ? `Someone is calling as ${call.name}, without your key`
  : `${call.name} is calling`;
