// Rows: lists of repeated inputs whose names say their place in the document, like `actions.0.parameters.2.name`.
//
// Markup: [data-list="PATH"][data-template="ID"] holds [data-list-rows], whose children are [data-row="PATH.N"]. A new row is
// a clone of the <template>, in which ROW stands for the row's path; the button that adds may name another one. Buttons [data-row-do="add|remove|up|down"] also work
// without this script: they are submit buttons that ask the server for the same. Optional inside a list: [data-list-empty],
// [data-list-head], [data-list-full], [data-list-undo]. Optional on it: data-max, data-enter (Enter adds a row),
// data-pairs (pasted `name=value` lines become rows). A list that changed fires "rows:changed".
import { announce, onClick, type } from "../app.js";

const ROW = "__ROW__";
const UNDO_FOR = 12_000;

const listOf = (element) => element.closest("[data-list]");
const placeOf = (list) => list.querySelector("[data-list-rows]");
const rowsOf = (list) => [...placeOf(list).children].filter((child) => child.matches("[data-row]"));
const inputsOf = (row) => [...row.querySelectorAll("input:not([type=hidden]), textarea, select")];
const TEXTS = "input[type=text], input[type=password], input:not([type]), textarea";
export const textsOf = (row) => [...row.querySelectorAll(TEXTS)];
const isEmpty = (row) => textsOf(row).every((input) => !input.value);

// ---- names ------------------------------------------------------------------------------------------------------

// Every attribute that speaks of the row's path is told the new one; what a person typed is a property, not an attribute.
function rename(row, from, to) {
  const escaped = from.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const mention = new RegExp(`(^|[\\s:#="/])${escaped}(?=[-.\\s:=|&"]|$)`, "g");
  for (const element of [row, ...row.querySelectorAll("*")]) {
    for (const attribute of [...element.attributes]) {
      if (attribute.name === "value" && element.localName !== "button") continue;
      if (!attribute.value.includes(from)) continue;
      element.setAttribute(attribute.name, attribute.value.replace(mention, `$1${to}`));
    }
  }
}

function renumber(list) {
  rowsOf(list).forEach((row, position) => {
    const path = `${list.dataset.list}.${position}`;
    if (row.dataset.row !== path) rename(row, row.dataset.row, path);
  });
  refresh(list);
}

function refresh(list) {
  const rows = rowsOf(list);
  const rowOf = (element) => element.closest("[data-row]");
  const full = list.dataset.max !== undefined && rows.length >= Number(list.dataset.max);
  const own = (selector, show) => [...list.querySelectorAll(selector)].filter((e) => listOf(e) === list).forEach(show);
  own("[data-list-empty]", (element) => (element.hidden = rows.length > 0));
  own("[data-list-head]", (element) => (element.hidden = rows.length === 0));
  own("[data-list-full]", (element) => (element.hidden = !full));
  own("[data-list-count]", (element) => (element.textContent = rows.length || ""));
  own("[data-row-number]", (element) => (element.textContent = rows.indexOf(rowOf(element)) + 1));
  own("[data-row-do=add]", (button) => (button.disabled = full));
  own("[data-row-do=up]", (button) => (button.disabled = rowOf(button) === rows[0]));
  own("[data-row-do=down]", (button) => (button.disabled = rowOf(button) === rows.at(-1)));
}

function changed(list, words) {
  renumber(list);
  if (words) announce(words);
  list.dispatchEvent(new CustomEvent("rows:changed", { bubbles: true }));
}

// ---- what can be done to rows -----------------------------------------------------------------------------------

export function add(list, after = null, template = list.dataset.template) {
  if (list.dataset.max !== undefined && rowsOf(list).length >= Number(list.dataset.max)) return null;
  const row = document.getElementById(template).content.firstElementChild.cloneNode(true);
  const rows = rowsOf(list);
  rename(row, ROW, `${list.dataset.list}.${rows.length}`);
  placeOf(list).insertBefore(row, after ? after.nextElementSibling : null);
  globalThis.htmx.process(row);
  row.querySelectorAll("[data-list]").forEach(refresh);
  changed(list);
  return row;
}

function remove(row) {
  const list = listOf(row.parentElement);
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  const position = rowsOf(list).indexOf(row);
  row.remove();
  changed(list, "Removed");
  offerUndo(list, row, position);
  const target = neighbour ? inputsOf(neighbour)[0] : list.querySelector("[data-row-do=add]");
  target?.focus({ preventScroll: true });
}

function offerUndo(list, row, position) {
  const place = [...list.querySelectorAll("[data-list-undo]")].find((element) => listOf(element) === list);
  if (!place || isEmpty(row)) return;
  clearTimeout(Number(place.dataset.timer));
  place.hidden = false;
  place.querySelector("button").onclick = () => {
    placeOf(list).insertBefore(row, rowsOf(list)[position] ?? null);
    place.hidden = true;
    changed(list, "Restored");
    inputsOf(row)[0]?.focus();
  };
  place.dataset.timer = setTimeout(() => (place.hidden = true), UNDO_FOR);
}

function move(button, step) {
  const row = button.closest("[data-row]");
  const list = listOf(row.parentElement);
  const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
  if (!other?.matches("[data-row]")) return;
  if (step < 0) other.before(row);
  else other.after(row);
  changed(list, `Moved to position ${rowsOf(list).indexOf(row) + 1}`);
  (button.disabled ? row.querySelector(`[data-row-do=${step < 0 ? "down" : "up"}]`) : button).focus();
}

const DOES = {
  add(button) {
    const row = add(listOf(button), null, button.dataset.template);
    (inputsOf(row)[0] ?? row).focus();
    row.dispatchEvent(new CustomEvent("rows:added", { bubbles: true }));
  },
  remove: (button) => remove(button.closest("[data-row]")),
  up: (button) => move(button, -1),
  down: (button) => move(button, 1),
};

onClick({
  "[data-row-do]:enabled"(button, event) {
    event.preventDefault();
    DOES[button.dataset.rowDo](button);
  },
});

// ---- keyboard ---------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("[data-row]");
  if (!row || event.isComposing) return;
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step && event.target.matches("[data-row-handle]")) {
    event.preventDefault();
    return move(event.target, step);
  }
  const list = listOf(row.parentElement);
  const isText = event.target.matches("input:not([type=checkbox], [type=search], [role=combobox]), textarea");
  if (event.key !== "Enter" || !isText || list.dataset.enter === undefined) return;
  if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  event.preventDefault();
  const next = row.nextElementSibling;
  const target = next?.matches("[data-row]") && isEmpty(next) ? next : add(list, row);
  if (target) inputsOf(target)[0].focus();
});

// ---- pasted lines -----------------------------------------------------------------------------------------------

// "name=value", "Name: value" or "name<tab>value", one a line; or one query string.
function pairsIn(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  const isQuery = lines.length === 1 && /^[^\s=&]+=[^\s&]*(&[^\s=&]+=[^\s&]*)+$/.test(lines[0].trim());
  if (isQuery) return [...new URLSearchParams(lines[0].trim())];
  const pairs = lines.map((line) => line.match(/^\s*([^=:\t]+?)\s*(?:=|:(?!\/\/)|\t)\s*(.*?)\s*$/)?.slice(1));
  return pairs.includes(undefined) ? [] : pairs;
}

document.addEventListener("paste", (event) => {
  const first = event.target.closest?.("[data-row]");
  const list = first && listOf(first.parentElement);
  if (list?.dataset.pairs === undefined || event.target !== textsOf(first)[0]) return;
  const pairs = pairsIn(event.clipboardData.getData("text/plain"));
  if (!pairs.length || (pairs.length === 1 && event.target.value)) return;
  event.preventDefault();
  let row = isEmpty(first) ? null : first;
  let last = first;
  for (const [name, value] of pairs) {
    row = row === null ? first : add(list, last);
    if (!row) break;
    const [nameInput, valueInput] = textsOf(row);
    type(nameInput, name);
    type(valueInput, value);
    last = row;
  }
  announce(`${pairs.length} rows pasted`);
  textsOf(last)[1].focus();
});

// ---- dragging ---------------------------------------------------------------------------------------------------

// By pointer events rather than the browser's drag and drop: fingers can do it too, and a button can be the handle.
let dragged = null; // {row, list, before, y}: before is where it goes back to when the drag is given up

document.addEventListener("pointerdown", (event) => {
  const handle = event.target.closest?.("[data-row-handle]");
  if (!handle || event.button !== 0) return;
  const row = handle.closest("[data-row]");
  handle.setPointerCapture(event.pointerId);
  dragged = { row, list: listOf(row.parentElement), before: row.nextElementSibling };
  row.classList.add("is-dragged");
});

document.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  dragged.y = event.clientY;
  follow();
  if (!dragged.scrolling) requestAnimationFrame(scroll);
  dragged.scrolling = true;
});

function follow() {
  const others = rowsOf(dragged.list).filter((row) => row !== dragged.row);
  const next = others.find((row) => dragged.y < row.getBoundingClientRect().top + row.offsetHeight / 2) ?? null;
  bring(dragged.row, next);
}

// Near the upper or lower edge of the window the page comes along, so that a long list can be crossed.
const EDGE = 90;

function scroll() {
  if (!dragged) return;
  const speed = dragged.y < EDGE ? dragged.y - EDGE : Math.max(0, dragged.y - (window.innerHeight - EDGE));
  const before = window.scrollY;
  if (speed) window.scrollBy({ top: speed / 6, behavior: "instant" });
  if (window.scrollY !== before) follow();
  requestAnimationFrame(scroll);
}

// The others step aside: an element that leaves its place, if only for a moment, loses the pointer.
function bring(row, next) {
  const rows = [...row.parentElement.children];
  const [from, to] = [rows.indexOf(row), next ? rows.indexOf(next) : rows.length];
  if (to < from) row.after(...rows.slice(to, from));
  else row.before(...rows.slice(from + 1, to));
}

function drop(givenUp) {
  if (!dragged) return;
  const { row, list, before } = dragged;
  dragged = null;
  row.classList.remove("is-dragged");
  if (givenUp) bring(row, before);
  if (row.nextElementSibling !== before) changed(list, `Moved to position ${rowsOf(list).indexOf(row) + 1}`);
}

document.addEventListener("pointerup", () => drop(false));
document.addEventListener("pointercancel", () => drop(true));
document.addEventListener("keydown", (event) => event.key === "Escape" && drop(true));

document.addEventListener("htmx:load", ({ target }) => target.querySelectorAll("[data-list]").forEach(refresh));
