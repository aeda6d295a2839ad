// What stands behind the # of the page's address: a key that lets the page in, a link to look at, or both. It is taken
// out of sight at once; browsers send it to nobody.

const KINDS = { key: "run", ticket: "ticket", pair: "pairing" };

export function takeAddress() {
  const parts = location.hash.slice(1).split("&").filter(Boolean);
  if (!parts.length) return { key: null, link: "" };
  history.replaceState(null, "", location.pathname);
  const given = (name) => parts.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
  const name = Object.keys(KINDS).find(given);
  const link = parts.find((part) => !/^(key|ticket|pair)=/.test(part)) ?? "";
  return { key: name ? { kind: KINDS[name], secret: given(name) } : null, link: decoded(link) };
}

function decoded(link) {
  try {
    return decodeURIComponent(link);
  } catch {
    return link;
  }
}
