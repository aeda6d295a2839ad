// Which tab of the browser this is: the same after a reload, another one wherever else the page is opened.

const NAME = "tab";

export function thisTab() {
  const kept = sessionStorage.getItem(NAME) ?? crypto.randomUUID();
  sessionStorage.setItem(NAME, kept);
  return kept;
}
