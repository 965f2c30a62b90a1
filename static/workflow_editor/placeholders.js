// "+ field": a searchable list of placeholders; the chosen one goes in where the caret is. One picker serves the page.
import { ask, put } from "../app.js";
import { listKey } from "../list_keys.js";

const lists = new Map(); // url → its answer
let input = null; // what the placeholder goes into
let opener = null;
const GAP = { name: "offset", options: { offset: [0, 4] } };
let placed = null; // Popper, which keeps it beside the opener

const picker = () => document.getElementById("field-picker");
const shownItems = () => [...picker().querySelectorAll(".picker-item")].filter((item) => !item.hidden);

// The rows of a related module speak of the related record; everything else speaks of the workflow's.
function urlFor(button) {
  const related = button.closest("[data-related-row]")?.querySelector("[data-related-module]").value;
  const module = related || document.getElementById("workflow-form").dataset.module;
  return module &&
    `/settings/webhook-form/placeholders?${new URLSearchParams({ module, related: related ? "1" : "" })}`;
}

async function open(button) {
  if (!picker().hidden && opener === button) return close();
  opener = button;
  input = document.getElementById(button.dataset.picker);
  const url = urlFor(button);
  if (url && !lists.has(url)) lists.set(url, await ask(url));
  if (url && !lists.get(url)?.ok) return void lists.delete(url);
  const list = picker().querySelector("[data-picker-list]");
  put(list, url ? lists.get(url).markup : '<p class="empty is-line">Choose a module first.</p>');
  picker().hidden = false;
  placed?.destroy();
  placed = globalThis.Popper.createPopper(button, picker(), { placement: "bottom-end", modifiers: [GAP] });
  placed.forceUpdate(); // at once: what is marked is brought into view
  const search = picker().querySelector("[data-picker-search]");
  search.value = "";
  filter("");
  list.scrollTop = 0;
  search.focus({ preventScroll: true });
}

function close() {
  if (picker()) picker().hidden = true;
  placed?.destroy();
  placed = opener = null;
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of picker().querySelectorAll(".picker-item")) {
    item.hidden = !words.every((word) => item.dataset.words.includes(word));
  }
  for (const group of picker().querySelectorAll("[data-picker-group]")) {
    group.hidden = !group.querySelector(".picker-item:not([hidden])");
  }
  const isNone = picker().querySelector(".picker-item") && !shownItems().length;
  picker().querySelector("[data-picker-none]").hidden = !isNone;
  mark(shownItems()[0]);
}

function mark(item) {
  picker().querySelectorAll(".is-marked").forEach((each) => each.classList.remove("is-marked"));
  item?.classList.add("is-marked");
  item?.scrollIntoView({ block: "nearest" });
}

function insert(item) {
  const target = input;
  close();
  if (!target?.isConnected) return;
  const [start, end] = [target.selectionStart ?? target.value.length, target.selectionEnd ?? target.value.length];
  target.focus();
  target.setRangeText(item.dataset.insert, start, end, "end");
  target.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-picker]");
  const item = target.closest(".picker-item");
  if (button) open(button);
  else if (item) insert(item);
  else if (!picker()?.contains(target)) close();
});

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-picker-search]")) filter(event.target.value);
});

document.addEventListener("keydown", (event) => {
  if (!picker()?.contains(event.target) || picker().hidden || listKey(event, shownItems(), mark, insert)) return;
  if (event.key !== "Escape" && event.key !== "Tab") return;
  event.preventDefault();
  opener?.focus();
  close();
});
