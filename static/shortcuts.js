// Keyboard: "/" search, "n" new, "e" edit, "g" then a letter to go. Never while somebody types.
const places = { o: "organizations", c: "contacts", l: "leads", d: "deals", a: "cases", i: "invoices", t: "tasks" };
const pages = { w: "/settings/workflows", h: "/log", s: "/settings/" };
let going = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
  if (Date.now() - going < 1200) {
    going = 0;
    const to = places[event.key] ? "/records/" + places[event.key] : pages[event.key];
    if (to) location.href = to;
    return;
  }
  if (event.key === "g") going = Date.now();
  const element = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!element) return;
  event.preventDefault();
  element.focus();
  if (element.matches("input")) element.select();
  else element.click();
});
