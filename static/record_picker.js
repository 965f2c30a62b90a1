// Record picker: a text input that searches records of one module and keeps the id of the chosen one beside it.
// Markup: [data-record-picker][data-module] holds [data-record-search], [data-record-id], [data-record-results].
const WAIT = 150;
let timer = 0;
let asked = 0;

const partsOf = (picker) => ({
  search: picker.querySelector("[data-record-search]"),
  id: picker.querySelector("[data-record-id]"),
  results: picker.querySelector("[data-record-results]"),
});
const optionsOf = (picker) => [...picker.querySelectorAll("[data-record]")];
const moduleOf = (picker) => picker.dataset.module || document.getElementById("workflow-form")?.dataset.module;

async function find(picker) {
  const { search, results } = partsOf(picker);
  const number = ++asked;
  const query = search.value === picker.dataset.chosen ? "" : search.value;
  const url = `/records/pick/${encodeURIComponent(moduleOf(picker) || "-")}?${new URLSearchParams({ q: query })}`;
  const answer = await fetch(url, { headers: { "HX-Request": "true" } });
  if (number !== asked || !answer.ok || document.activeElement !== search) return;
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  results.replaceChildren(...parsed.body.childNodes);
  open(picker, true);
}

function open(picker, isOpen) {
  const { search, results } = partsOf(picker);
  results.hidden = !isOpen;
  search.setAttribute("aria-expanded", String(isOpen));
  if (!isOpen) search.removeAttribute("aria-activedescendant");
}

function mark(picker, option) {
  optionsOf(picker).forEach((each) => each.setAttribute("aria-selected", String(each === option)));
  if (!option) return;
  partsOf(picker).search.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function choose(picker, option) {
  const { search, id } = partsOf(picker);
  search.value = option.dataset.name;
  picker.dataset.chosen = option.dataset.name;
  id.value = option.dataset.record;
  open(picker, false);
  clearable(picker);
  id.dispatchEvent(new Event("change", { bubbles: true }));
  if (picker.dataset.submits !== undefined) picker.closest("form").requestSubmit();
}

// The cross in a picker: takes the record away.
function clearable(picker) {
  const cross = picker.querySelector("[data-record-clear]");
  if (cross) cross.hidden = !partsOf(picker).id.value;
}

document.addEventListener("click", (event) => {
  const cross = event.target.closest?.("[data-record-clear]");
  if (!cross) return;
  const { search, id } = partsOf(cross.closest("[data-record-picker]"));
  search.value = id.value = "";
  search.focus();
  search.dispatchEvent(new Event("input", { bubbles: true }));
  id.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("focusin", (event) => {
  const picker = event.target.closest?.("[data-record-picker]");
  if (!picker || !event.target.matches("[data-record-search]")) return;
  picker.dataset.chosen ??= event.target.value;
  event.target.select();
  find(picker);
});

document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-record-search]")) return;
  const picker = event.target.closest("[data-record-picker]");
  // In a free picker the server looks up what was typed and not chosen, or says that there is no such record.
  if (!event.target.value || (picker.dataset.free !== undefined && partsOf(picker).id.value)) {
    partsOf(picker).id.value = "";
    picker.dataset.chosen = "";
    clearable(picker);
    partsOf(picker).id.dispatchEvent(new Event("change", { bubbles: true }));
  }
  clearTimeout(timer);
  timer = setTimeout(() => find(picker), WAIT);
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-record-search]")) return;
  const picker = event.target.closest("[data-record-picker]");
  const options = optionsOf(picker);
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const isOpen = !partsOf(picker).results.hidden;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!isOpen) return find(picker);
    const step = event.key === "ArrowDown" ? 1 : -1;
    mark(picker, options[(at + step + options.length) % options.length]);
  } else if (event.key === "Enter" && isOpen && options.length) {
    event.preventDefault();
    choose(picker, options[Math.max(at, 0)]);
  } else if (event.key === "Escape" && isOpen) {
    event.preventDefault();
    open(picker, false);
  }
});

document.addEventListener("mousedown", (event) => {
  const option = event.target.closest?.("[data-record]");
  if (!option) return;
  event.preventDefault(); // the input keeps the focus
  choose(option.closest("[data-record-picker]"), option);
});

// What was typed and not chosen is no record: the name of the chosen one comes back.
document.addEventListener("focusout", (event) => {
  if (!event.target.matches?.("[data-record-search]")) return;
  const picker = event.target.closest("[data-record-picker]");
  if (picker.dataset.free === undefined && event.target.value !== picker.dataset.chosen) {
    event.target.value = picker.dataset.chosen || "";
  }
  open(picker, false);
});
