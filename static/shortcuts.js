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
    if (to) {
      event.preventDefault();
      location.href = to;
    }
    return;
  }
  if (event.key === "g") going = Date.now();
  else if (event.key === "/") press(event, document.getElementById("search"), true);
  else if (event.key === "n") press(event, document.querySelector("[data-key='n']"));
  else if (event.key === "e") press(event, document.querySelector("[data-key='e']"));
});

function press(event, element, focus) {
  if (!element) return;
  event.preventDefault();
  if (focus) {
    element.focus();
    element.select();
  } else element.click();
}
