// Record picker: a text input that searches records of one module and keeps the id of the chosen one beside it.
// Markup: [data-record-picker][data-module] holds [data-record-search], [data-record-id], [data-record-results]. A free one
// (data-free) takes what was typed and not chosen, and offers to make a record of it in a dialog.
import { announce, ask, put, type } from "./app.js";
import { listKey } from "./list_keys.js";

const WAIT = 150;
let timer = 0;
let asked = 0;

const pickerOf = (element) => element.closest?.("[data-record-picker]");
const searchOf = (picker) => picker.querySelector("[data-record-search]");
const idOf = (picker) => picker.querySelector("[data-record-id]");
const resultsOf = (picker) => picker.querySelector("[data-record-results]");
const optionsOf = (picker) => [...picker.querySelectorAll("[role=option]")];
const moduleOf = (picker) => picker.dataset.module || document.getElementById("workflow-form")?.dataset.module || "-";

async function find(picker) {
  const search = searchOf(picker);
  const number = ++asked;
  const q = search.value === picker.dataset.chosen ? "" : search.value;
  const query = new URLSearchParams(makes(picker) ? { q, create: 1 } : { q });
  const answer = await ask(`/records/pick/${encodeURIComponent(moduleOf(picker))}?${query}`);
  if (number !== asked || !answer?.ok || document.activeElement !== search) return;
  put(resultsOf(picker), answer.markup);
  picker.dataset.answered = search.value;
  open(picker, true);
  resultsOf(picker).scrollIntoView({ block: "nearest" });
}

function open(picker, isOpen) {
  resultsOf(picker).hidden = !isOpen;
  searchOf(picker).setAttribute("aria-expanded", String(isOpen));
  if (!isOpen) searchOf(picker).removeAttribute("aria-activedescendant");
}

function mark(picker, option) {
  optionsOf(picker).forEach((each) => each.setAttribute("aria-selected", String(each === option)));
  searchOf(picker).setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

// An empty id: none.
export function choose(picker, id, name) {
  asked++; // what is still under way opens no list any more
  searchOf(picker).value = picker.dataset.chosen = name;
  open(picker, false);
  keep(picker, id);
  if (picker.dataset.submits !== undefined) picker.closest("form").requestSubmit();
}

function keep(picker, id) {
  idOf(picker).value = id;
  const cross = picker.querySelector("[data-record-clear]");
  if (cross) cross.hidden = !id;
  idOf(picker).dispatchEvent(new Event("change", { bubbles: true }));
}

// The form of a new record lies over that of the picker, which stays as it is; not a third over the second.
const makes = (picker) => picker.dataset.free !== undefined && !picker.closest("dialog");

async function make(picker, url) {
  open(picker, false);
  const answer = await ask(url);
  if (!answer?.ok) return;
  const dialog = document.createElement("dialog");
  dialog.className = "is-form"; // a click beside it does not close it
  dialog.setAttribute("aria-labelledby", "new-record-title");
  document.body.append(dialog);
  put(dialog, answer.markup);
  dialog.addEventListener("htmx:afterSettle", () => dialog.querySelector("[aria-invalid=true]")?.focus());
  dialog.addEventListener("record-created", ({ detail }) => {
    dialog.close();
    choose(picker, detail.id, detail.name);
    announce(`${detail.name} was created`);
  });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

function chooseOption(option) {
  if (option.dataset.new) make(pickerOf(option), option.dataset.new);
  else choose(pickerOf(option), option.dataset.record, option.dataset.name);
}

document.addEventListener("click", ({ target }) => {
  const search = target.closest("[data-record-clear]") && searchOf(pickerOf(target));
  if (!search) return;
  search.focus();
  type(search, "");
});

document.addEventListener("focusin", ({ target }) => {
  if (!target.matches?.("[data-record-search]")) return;
  pickerOf(target).dataset.chosen ??= target.value;
  target.select();
  find(pickerOf(target));
});

document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-record-search]")) return;
  const picker = pickerOf(target);
  // In a free picker the server looks up what was typed and not chosen, or says that there is no such record.
  if (!target.value || (picker.dataset.free !== undefined && idOf(picker).value)) {
    picker.dataset.chosen = "";
    keep(picker, "");
  }
  clearTimeout(timer);
  timer = setTimeout(() => find(picker), WAIT);
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-record-search]")) return;
  const picker = pickerOf(event.target);
  const isOpen = !resultsOf(picker).hidden;
  const options = isOpen ? optionsOf(picker) : [];
  if (event.key === "Enter" && isOpen && picker.dataset.answered !== event.target.value) {
    return event.preventDefault(); // the list is not yet that of what is typed
  }
  if (listKey(event, options, (option) => mark(picker, option), chooseOption)) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") find(picker);
  else if (event.key === "Escape" && isOpen) open(picker, false);
  else return;
  event.preventDefault();
});

document.addEventListener("mousedown", (event) => {
  const option = event.target.closest?.("[data-record-results] [role=option]");
  if (!option) return;
  event.preventDefault(); // the input keeps the focus
  chooseOption(option);
});

// What was typed and not chosen is no record: the name of the chosen one comes back.
document.addEventListener("focusout", ({ target }) => {
  if (!target.matches?.("[data-record-search]")) return;
  const picker = pickerOf(target);
  if (picker.dataset.free === undefined) target.value = picker.dataset.chosen || "";
  open(picker, false);
});
