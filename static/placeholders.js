// "+ field": a searchable list of placeholders; the chosen one goes in where the caret is. One picker serves the page.
const lists = new Map(); // url → promise of its markup
let input = null; // what the placeholder goes into
let opener = null;

const picker = () => document.getElementById("field-picker");
const shownItems = () => [...picker().querySelectorAll(".picker-item")].filter((item) => !item.hidden);

// The rows of a related module speak of the related record; everything else speaks of the workflow's.
function urlFor(button) {
  const related = button.closest("[data-related-row]")?.querySelector("[data-related-module]").value;
  const module = related || document.getElementById("workflow-form").dataset.module;
  return module
    ? `/settings/webhook-form/placeholders?${new URLSearchParams({ module, related: related ? "1" : "" })}`
    : "";
}

function listFor(url) {
  if (!lists.has(url)) {
    const asked = fetch(url, { headers: { "HX-Request": "true" } }).then((
      answer,
    ) => (answer.ok ? answer.text() : Promise.reject(answer)));
    asked.catch(() => lists.delete(url));
    lists.set(url, asked);
  }
  return lists.get(url);
}

async function open(button) {
  if (!picker().hidden && opener === button) return close();
  opener = button;
  input = document.getElementById(button.dataset.picker);
  const url = urlFor(button);
  const list = picker().querySelector("[data-picker-list]");
  const words = document.createElement("p");
  words.className = "empty is-line";
  words.textContent = "Choose a module first.";
  const nodes = url ? new DOMParser().parseFromString(await listFor(url), "text/html").body.childNodes : [words];
  list.replaceChildren(...nodes);
  picker().hidden = false;
  place(button);
  const search = picker().querySelector("[data-picker-search]");
  search.value = "";
  filter("");
  list.scrollTop = 0;
  search.focus({ preventScroll: true });
}

// Below the button when there is room, else above it. The strict CSP allows styles set by a script's CSSOM.
function place(button) {
  const box = button.getBoundingClientRect();
  const panel = picker();
  const { width, height } = panel.getBoundingClientRect();
  const room = document.documentElement.clientWidth - 8;
  const left = Math.max(8, Math.min(box.right - width, room - width));
  const below = box.bottom + 4;
  const top = below + height > window.innerHeight && box.top > height ? box.top - height - 4 : below;
  panel.style.left = `${left + window.scrollX}px`;
  panel.style.top = `${top + window.scrollY}px`;
}

function close() {
  if (picker()) picker().hidden = true;
  opener = null;
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of picker().querySelectorAll(".picker-item")) {
    item.hidden = !words.every((word) => item.dataset.words.includes(word));
  }
  for (const group of picker().querySelectorAll("[data-picker-group]")) {
    group.hidden = !group.querySelector(".picker-item:not([hidden])");
  }
  picker().querySelector("[data-picker-none]").hidden = shownItems().length > 0 ||
    !picker().querySelector(".picker-item");
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

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-picker]");
  if (button) return void open(button);
  const item = event.target.closest(".picker-item");
  if (item) return insert(item);
  if (picker() && !picker().hidden && !picker().contains(event.target)) close();
});

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-picker-search]")) filter(event.target.value);
});

document.addEventListener("keydown", (event) => {
  const panel = picker();
  if (!panel || panel.hidden || !panel.contains(event.target)) return;
  const items = shownItems();
  const at = items.findIndex((item) => item.classList.contains("is-marked"));
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    mark(items[(at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (items[at]) insert(items[at]);
  } else if (event.key === "Escape" || event.key === "Tab") {
    event.preventDefault();
    const back = opener;
    close();
    back?.focus();
  }
});

window.addEventListener("resize", close);
