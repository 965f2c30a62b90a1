// Lists with tick boxes, and filter forms. Without this file both still work: the bar is always shown, the URL is longer.
//
// Markup: a bar [data-selection="ids"] with [data-selection-count] belongs to the boxes named "ids"; [data-select-all="ids"]
// ticks them all, and the bar's reset button none. A form with data-drop-empty leaves empty fields out of its URL; a
// select with data-resets="id" empties that other field when it changes.
function selection() {
  for (const bar of document.querySelectorAll("[data-selection]")) {
    const boxes = [...document.querySelectorAll(`input[type=checkbox][name="${bar.dataset.selection}"]`)];
    const ticked = boxes.filter((box) => box.checked).length;
    bar.hidden = ticked === 0;
    bar.querySelector("[data-selection-count]").textContent = `${ticked} selected`;
    const all = document.querySelector(`[data-select-all="${bar.dataset.selection}"]`);
    if (!all) continue;
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
}

// Choosing a workflow forgets the action of another one; before htmx hears of the change.
document.addEventListener("change", ({ target }) => {
  const other = document.getElementById(target.dataset.resets);
  if (other) other.value = "";
}, { capture: true });

document.addEventListener("change", ({ target }) => {
  const boxes = target.dataset.selectAll ? document.getElementsByName(target.dataset.selectAll) : [];
  for (const box of boxes) box.checked = target.checked;
  selection();
});

document.addEventListener("reset", () => setTimeout(selection));

// A URL without empty parts, without what a picker's search holds, and without the columns that are shown anyway.
document.addEventListener("htmx:configRequest", ({ target, detail: { formData } }) => {
  if (!target.matches("[data-drop-empty]")) return;
  for (const name of new Set(formData.keys())) {
    if (name.endsWith(".search") || formData.getAll(name).every((value) => value === "")) formData.delete(name);
  }
  if (![...formData.keys()].some((name) => name.startsWith("filter["))) formData.delete("format");
  if (formData.getAll("columns").join(" ") === target.dataset.columns) formData.delete("columns");
  for (const operator of target.querySelectorAll("[data-filter] > select")) {
    const isAsked = takes(operator) === "none" || formData.has(operator.name.replace("op[", "filter["));
    if (operator.value === operator.dataset.usual || !isAsked) formData.delete(operator.name);
  }
});

// ---- filters: the part for values that the operator takes ----
const takes = (operator) => operator.selectedOptions[0].dataset.value;

function showParts(filter) {
  const kind = takes(filter.querySelector("select"));
  for (const part of filter.querySelectorAll("[data-for]")) {
    part.hidden = part.dataset.for !== kind;
    for (const input of part.querySelectorAll("input, select")) input.disabled = part.hidden;
  }
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-filter] > select")) showParts(target.parentElement);
}, { capture: true });
document.addEventListener("htmx:load", () => document.querySelectorAll("[data-filter]").forEach(showParts));

// ---- popovers: one at a time ----

document.addEventListener("click", ({ target }) => {
  for (const popover of document.querySelectorAll("details[data-popover][open]")) {
    popover.open = popover.contains(target);
  }
});

document.addEventListener("keydown", (event) => {
  const popover = event.target.closest("details[data-popover][open]");
  if (event.key !== "Escape" || event.defaultPrevented || !popover) return;
  popover.open = false;
  popover.querySelector("summary").focus();
});

// Arrow keys go through a menu, and into it from its button; round at the ends.
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const menu = event.target.closest("details[data-menu]");
  if (!step || !menu) return;
  event.preventDefault();
  menu.open = true;
  const items = [...menu.querySelectorAll("summary, a, button, input:not([type=hidden])")];
  items.at((items.indexOf(event.target) + step) % items.length).focus();
});

document.addEventListener("htmx:load", selection);
window.addEventListener("pageshow", selection); // a browser that goes back may keep the ticks
selection();
