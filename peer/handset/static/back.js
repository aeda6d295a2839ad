// A phone's back button leaves the page. In a call it closes what is open on top, and stays.

export function keepBack(pressed) {
  let guarded = false;
  let busy = false;
  const guard = () => {
    if (!busy || guarded) return;
    history.pushState({ guard: true }, "", location.pathname);
    guarded = true;
  };
  addEventListener("popstate", () => {
    if (!guarded) return;
    guarded = false;
    if (!busy) return;
    pressed();
    guard();
  });
  return (now) => {
    busy = now;
    guard();
  };
}
