// Live pages: what the poller's answer brings by out-of-band swaps is put in place part by part, so that scroll, focus,
// ticked boxes, selected text and open details stay as they are.
//
// Markup: [data-live-row] and [data-live-detail] have data-version and are reported as "id:version". Their children with
// data-part are compared and replaced one by one, as are those of [data-live-parts]; what has no data-part is left alone.
import { announce, onClick } from "./app.js";
import { untouchedFor } from "./poll.js";

const IN_HAND = 60_000; // an open detail is being read
const MOST_ROWS = 200;
const { htmx } = globalThis;

const shown = new WeakMap(); // element → the server's markup it was made from
let pointerMovedAt = 0;
let pointerInList = false;

const rows = () => [...document.querySelectorAll("[data-live-row]")];
const idOf = (row) => Number(row.dataset.liveRow);
const pointerIsBusy = () => pointerInList && Date.now() - pointerMovedAt < 3_000;

// ---- asking -------------------------------------------------------------------------------------------------------

let wanted = false; // the reader asked for what was announced

function mayFlow() {
  if (wanted) return true;
  const list = document.querySelector(".log-list, [data-live-list]");
  const topInView = !list || list.getBoundingClientRect().top > -40;
  const reading = document.querySelector("#log-rows :focus:not(input), tr[data-live-panel]");
  return topInView && !pointerIsBusy() && !(reading && untouchedFor() < IN_HAND);
}

document.addEventListener("poll:describe", ({ target, detail: parameters }) => {
  const pairs = (elements, key) => [...elements].map((e) => `${e.dataset[key]}:${e.dataset.version}`).join(",");
  parameters.rows = pairs(rows(), "liveRow");
  parameters.open = pairs(document.querySelectorAll("[data-live-detail]"), "liveDetail");
  parameters.first = target.dataset.first || "0";
  parameters.flow = mayFlow() ? "1" : "0";
  wanted = false;
});

// ---- putting in place ---------------------------------------------------------------------------------------------

// A token or a version differs each time, and an opened detail is the reader's business: none makes a part different.
function markup(element) {
  const copy = element.cloneNode(true);
  for (const input of copy.querySelectorAll("input[name=csrf_token]")) input.removeAttribute("value");
  for (const box of [copy, ...copy.querySelectorAll("details")]) box.removeAttribute("open");
  copy.removeAttribute("data-version");
  return copy.outerHTML;
}

function remember(root) {
  const parts = [...root.querySelectorAll("[data-part]")];
  if (root.matches?.("[data-part]")) parts.push(root);
  for (const part of parts) if (!shown.has(part)) shown.set(part, markup(part));
}

const focusable = (box) => [...box.querySelectorAll("a, button, input, select, summary")];

function replace(old, fresh) {
  const focused = document.activeElement;
  const place = focusable(old).indexOf(focused);
  const before = (element) => document.getElementById(element.id);
  for (const box of fresh.querySelectorAll("details[id]")) box.open = before(box)?.open ?? box.open;
  const isNews = (element) => before(element)?.dataset.spoken !== element.dataset.spoken;
  const moved = [...fresh.querySelectorAll("[data-spoken]")].find(isNews);
  if (moved) announce(moved.dataset.spoken);
  old.replaceWith(fresh);
  htmx.process(fresh);
  if (place < 0) return;
  const same = focusable(fresh).find((each) => focused.href && each.href === focused.href);
  (same ?? focusable(fresh)[place])?.focus({ preventScroll: true });
}

// Being edited, or on its way there or back; or newer than the answer, which was made before it was saved.
function mustStay(part, fresh) {
  const isEdited = part.matches("form") || part.querySelector(".htmx-request");
  return isEdited || Number(part.dataset.version) > Number(fresh.dataset.version);
}

function patch(old, fresh) {
  const hasMoved = old.dataset.status !== fresh.dataset.status;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (hasMoved) flash(old);
  const wanted = [...fresh.querySelectorAll("[data-part]")];
  const names = new Set(wanted.map((part) => part.dataset.part));
  for (const part of old.querySelectorAll("[data-part]")) if (!names.has(part.dataset.part)) part.remove();
  for (const part of wanted) {
    const existing = old.querySelector(`[data-part="${part.dataset.part}"]`);
    const now = markup(part);
    if (existing && mustStay(existing, part)) continue;
    if (existing && shown.get(existing) === now) {
      if (part.dataset.version) existing.dataset.version = part.dataset.version;
      continue;
    }
    const copy = part.cloneNode(true);
    shown.set(copy, now);
    if (existing) replace(existing, copy);
    else insert(part, copy, old);
  }
}

// `part` stands in the server's markup and knows its neighbours; `copy` goes to the same place of the page.
function insert(part, copy, root) {
  const there = (element) => element?.dataset?.part && root.querySelector(`[data-part="${element.dataset.part}"]`);
  let neighbour = part;
  do neighbour = neighbour.previousElementSibling; while (neighbour && !there(neighbour));
  const home = part.parentElement.id && root.querySelector(`#${part.parentElement.id}`);
  if (neighbour) there(neighbour).after(copy);
  else (home || root).prepend(copy);
  htmx.process(copy);
  flash(copy);
}

function flow(fresh, body) {
  for (const row of [...fresh.querySelectorAll("[data-live-row]")].reverse()) {
    if (rows().some((there) => idOf(there) === idOf(row))) continue;
    const older = rows().find((there) => idOf(there) < idOf(row));
    if (older) older.before(row);
    else body.append(row);
    remember(row);
    htmx.process(row);
    flash(row);
  }
  document.querySelector("[data-live-empty]")?.removeAttribute("data-live-empty");
  const gap = body.querySelector("[data-live-gap]");
  if (gap) cut(rows().filter((row) => idOf(row) < idOf(gap)), gap);
  gap?.removeAttribute("data-live-gap");
  cut(rows().slice(MOST_ROWS), rows()[MOST_ROWS - 1]);
}

// A page that is left open for days must not grow for ever, nor hide that it could not keep up; the pager goes on from
// the last row that is left. What is ticked or open stays.
function cut(superfluous, last) {
  if (!superfluous.length) return;
  for (const row of superfluous) {
    if (!row.querySelector("input:checked") && !row.classList.contains("is-open")) row.remove();
  }
  for (const next of document.querySelectorAll("[data-live-pager] a[href*='before=']")) {
    const url = new URL(next.href);
    url.searchParams.set("before", last.dataset.liveRow);
    next.href = url.href;
  }
  document.querySelector("[data-live-older]")?.removeAttribute("hidden");
}

// A row that the filter no longer matches goes, but not out of the reader's hands or from under the pointer: until it
// may, it is dimmed.
function leave() {
  const inHand = (row) => row.matches(".is-open, :focus-within, :has(input:checked)");
  for (const row of document.querySelectorAll("[data-live-gone]")) if (!inHand(row) && !pointerIsBusy()) row.remove();
  if (!rows().length) document.querySelector(".log-list")?.setAttribute("data-live-empty", "");
}

function flash(element) {
  element.classList.add("live-fresh");
  setTimeout(() => element.classList.remove("live-fresh"), 1_600);
}

document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const { target, fragment } = detail;
  if (target.matches("#log-rows, [data-live-list]")) flow(fragment, target);
  else if (target.matches("[data-live-row], [data-live-detail], [data-live-parts]")) {
    patch(target, fragment.firstElementChild);
  } else if (target.matches("[data-live-whole]")) replace(target, fragment.firstElementChild);
  else return;
  detail.shouldSwap = false;
  showOpen();
  leave();
  relative();
});

// "2 new": brought in here, so that nothing open or ticked is lost; more than a page of them is loaded anew.
onClick({
  "[data-live-top='']"(_, event) {
    event.preventDefault();
    scrollTo({ top: 0 });
    wanted = true;
    document.dispatchEvent(new Event("poll:now"));
  },
});

// ---- open details -------------------------------------------------------------------------------------------------

const panelOf = (toggle) => document.getElementById(toggle.dataset.liveToggle);

function showOpen() {
  for (const toggle of document.querySelectorAll("[data-live-toggle]")) {
    toggle.ariaExpanded = String(Boolean(panelOf(toggle)));
    toggle.closest("[data-live-row]")?.classList.toggle("is-open", Boolean(panelOf(toggle)));
  }
}

function toggled() {
  showOpen();
  const url = new URL(location.href);
  const open = [...document.querySelectorAll("tr[data-live-panel]")].map((panel) => panel.dataset.livePanel).join(",");
  url.searchParams[open ? "set" : "delete"]("open", open);
  history.replaceState(history.state, "", url.href.replaceAll("%2C", ","));
}

document.addEventListener("htmx:confirm", (event) => {
  const toggle = event.target.closest?.("[data-live-toggle]");
  if (!toggle || !panelOf(toggle)) return;
  event.preventDefault();
  panelOf(toggle).remove();
  toggled();
});

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (detail.requestConfig?.elt.matches("[data-live-toggle]")) toggled();
});

// A click beside the links of a row opens its detail too; a click that ends a selection of text does not.
document.addEventListener("click", (event) => {
  const row = event.target.closest?.("[data-live-row]");
  if (!row || event.target.closest("a, button, input, label, select, summary, .log-select")) return;
  if (getSelection().isCollapsed) row.querySelector("[data-live-toggle]")?.click();
});

// ---- relative times -----------------------------------------------------------------------------------------------

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

function relative() {
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    const left = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const bare = time.dataset.countdown === "bare";
    const words = left > 0 ? `${bare ? "" : "in "}${span(left)}` : bare ? "a moment" : "due now";
    if (time.textContent !== words) time.textContent = words;
  }
}

// ---- life ---------------------------------------------------------------------------------------------------------

document.addEventListener("pointermove", (event) => {
  pointerMovedAt = Date.now();
  pointerInList = Boolean(event.target.closest?.("#log-rows, [data-live-list]"));
}, { passive: true });

document.addEventListener("htmx:load", (event) => {
  remember(event.detail.elt);
  relative();
  showOpen();
});
setInterval(() => {
  relative();
  leave();
}, 1_000);
