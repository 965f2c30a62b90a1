// The workflow form: steps, parts that depend on another input, menus, and a draft that survives reload and back.
import { ask, onClick, put } from "../app.js";
import { valueOf } from "../parts.js";
import { choose } from "../record_picker.js";

const { htmx } = globalThis;

const KEEP_AFTER = 250;
const form = () => document.getElementById("workflow-form");
const steps = () => [...document.querySelectorAll("[data-step]")];

// ---- steps ------------------------------------------------------------------------------------------------------

const inHash = () => decodeURIComponent(location.hash.slice(1));

// The hash says what is open: a step ("#trigger"), a webhook ("#actions.0") or an input in either of them.
function show() {
  const target = document.getElementById(inHash());
  const inForm = form().contains(target) ? target : null;
  const step = inForm?.closest("[data-step]") ?? document.getElementById(form().dataset.stepOpen);
  const action = inForm?.closest("[data-action]") ?? null;
  const at = steps().indexOf(step);
  const isLast = at === steps().length - 1;
  steps().forEach((each) => (each.hidden = each !== step));
  document.querySelectorAll("[data-action]").forEach((each) => {
    each.classList.toggle("is-open", each === action);
    each.querySelector("[data-editor]").hidden = each !== action;
  });
  form().classList.toggle("is-editing", Boolean(action));
  for (const link of form().querySelectorAll("[data-step-link]")) {
    link.ariaCurrent = link.dataset.stepLink === step.id ? "step" : null;
  }
  const [close, back, next, save] = form().querySelectorAll("[data-editor-close], [data-step-go], [data-save]");
  back.hidden = Boolean(action) || at === 0;
  next.hidden = Boolean(action) || isLast;
  close.hidden = !action;
  // One primary button: in a new workflow it is "Next" until the last step.
  const leads = form().dataset.new !== undefined && !next.hidden;
  next.className = `btn btn-${leads ? "primary" : "secondary"}`;
  save.className = `btn btn-${leads ? "secondary" : "primary"}`;
  document.querySelectorAll("[data-grows]").forEach(grow);
  document.dispatchEvent(new Event("workflow:shown"));
}

export function go(id) {
  if (inHash() !== id) history[inHash().startsWith(`${id}.`) ? "replaceState" : "pushState"](null, "", `#${id}`);
  show();
  scrollTo({ top: 0 });
}

// Brings an input into view wherever it is: in another step, in a closed webhook, in a closed disclosure.
function reveal(path, step) {
  let target = null;
  for (let prefix = path; prefix && !target; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf(".")))) {
    target = document.getElementById(prefix);
  }
  if (!target) return go(step || "basic");
  go((target.closest("[data-action]") ?? target.closest("[data-step]")).id);
  for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  target.scrollIntoView({ block: "center" });
  target.focus({ preventScroll: true });
}

onClick({
  "[data-step-link], [data-editor-open]"(link, event) {
    event.preventDefault();
    go(link.getAttribute("href").slice(1));
    if (!link.matches("[data-editor-open]")) return;
    const first = "[data-editor] input[type=text], [data-editor] input:not([type])";
    link.closest("[data-action]").querySelector(first)?.focus({ preventScroll: true });
  },
  "[data-reveal]"(error, event) {
    event.preventDefault();
    reveal(error.dataset.reveal, error.dataset.revealStep);
  },
  "[data-step-go]"(button) {
    const at = steps().findIndex((step) => !step.hidden);
    go(steps()[at + Number(button.dataset.stepGo)].id);
  },
  "[data-editor-close]"() {
    const open = document.querySelector("[data-action].is-open");
    go("actions");
    open?.querySelector("[data-editor-open]").focus({ preventScroll: true });
  },
  "[data-leave]"(_, event) {
    if (initial === null || typed() === initial) return;
    event.preventDefault();
    document.getElementById("ask-leave").showModal();
  },
  "[data-discard]": () => discard("/settings/workflows"),
  "[data-draft-discard]": () => discard(location.pathname + location.search),
});

addEventListener("hashchange", show);
addEventListener("popstate", show);

// ---- Enter and saving -------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (!form().contains(event.target)) return;
  const saves = (event.ctrlKey || event.metaKey) && ["s", "Enter"].includes(event.key);
  // A half-filled form is not sent by accident.
  const sends = event.key === "Enter" && !event.defaultPrevented && event.target.matches("input, select");
  if (saves || sends) event.preventDefault();
  if (saves) form().querySelector("[data-save]").click();
});

// ---- texts that are shown elsewhere, inputs that grow -----------------------------------------------------------

function mirror() {
  for (const element of document.querySelectorAll("[data-mirror]")) {
    const value = valueOf(form(), element.dataset.mirror).trim();
    element.textContent = value || element.dataset.mirrorEmpty || "";
  }
}

function grow(input) {
  if (CSS.supports("field-sizing", "content")) return;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

// ---- redrawing by the server ------------------------------------------------------------------------------------

// The form's fields and what is asked besides, as a body to post.
export const bodyOf = (values = {}) => new URLSearchParams([...new FormData(form()), ...Object.entries(values)]);

// A change of some inputs asks for their row, or for the whole form, anew. An answer that is older than what has been typed
// meanwhile is not taken: the question is asked again.
async function redraw(element) {
  const place = element.closest(element.dataset.redraw);
  const before = String(bodyOf());
  const row = place.dataset.row;
  const answer = await ask(`/settings/workflows/${row ? "condition" : "draft"}`, bodyOf(row ? { at: row } : {}));
  if (!answer?.ok || !place.isConnected) return;
  if (String(bodyOf()) !== before) return redraw(element);
  const restore = carried(place);
  put(place, answer.markup, "outerHTML");
  restore(form());
  if (element.id !== "module") return;
  for (const picker of form().querySelectorAll("[data-preview] [data-record-picker]")) choose(picker, "", "");
}

// What is in no answer of the server goes from the form that leaves to the one that comes: the previews with their records
// and tests, and what is typed as a secret. Gives what puts it into the new one.
export function carried(place, keeps = () => true) {
  const previews = [...place.querySelectorAll("[data-preview]")];
  const secrets = [...place.querySelectorAll("input[type=password]")].filter((input) => keeps(input.name));
  return (fresh) => {
    for (const preview of previews) {
      const slot = fresh.querySelector(`[data-preview="${preview.dataset.preview}"]`);
      if (!slot) continue;
      preview.before(slot.cloneNode());
      slot.replaceWith(preview);
    }
    for (const { name, value } of secrets) {
      const input = fresh.querySelector(`input[type=password][name="${name}"]`);
      if (input) input.value ||= value;
    }
    document.dispatchEvent(new Event("workflow:redrawn"));
  };
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-redraw]")) redraw(target);
});

// htmx would write the heights of grown inputs into style attributes, which the CSP refuses.
htmx.config.attributesToSettle = ["class"];

let restore; // what the form that htmx is about to replace holds

document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  if (target === form()) restore = carried(target);
});

// After a save that was refused: the first error, wherever it is.
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (!restore || target !== form()) return;
  restore(target);
  restore = null;
  const problem = target.querySelector("[data-problems] [data-reveal]");
  if (problem) reveal(problem.dataset.reveal, problem.dataset.revealStep);
});

// ---- the draft --------------------------------------------------------------------------------------------------

// Kept in this tab only, without secrets, until the workflow is saved.
const key = `draft:${location.pathname}`;
let timer = 0;
let initial = "";

function typed() {
  const isSecret = (name) => form().querySelector(`input[type=password][name="${name}"]`);
  const isKept = ([name]) => name !== "csrf_token" && !name.includes(".preview.") && !isSecret(name);
  return new URLSearchParams([...new FormData(form())].filter(isKept)).toString();
}

function keep() {
  if (initial === null) return;
  if (typed() === initial) sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, typed());
}

function forget() {
  clearTimeout(timer);
  sessionStorage.removeItem(key);
  initial = null;
}

function discard(url) {
  forget();
  location.replace(url);
}

async function bringBack() {
  const kept = sessionStorage.getItem(key);
  if (!kept || kept === initial) return;
  const body = new URLSearchParams(kept);
  body.set("csrf_token", form().elements.csrf_token.value);
  const answer = await ask("/settings/workflows/draft", body);
  if (!answer?.ok) return;
  put(form(), answer.markup, "outerHTML");
  document.querySelector("[data-draft-restored]").hidden = false;
}

document.addEventListener("htmx:afterRequest", ({ detail: { xhr } }) => {
  if (xhr?.getResponseHeader("HX-Redirect")) forget();
});
addEventListener("pagehide", () => timer && keep());

// ---- start ------------------------------------------------------------------------------------------------------

function changed(event) {
  if (!form().contains(event.target)) return;
  if (event.target.matches?.("[data-grows]")) grow(event.target);
  mirror();
  clearTimeout(timer);
  timer = setTimeout(keep, KEEP_AFTER);
}

for (const name of ["input", "change", "rows:changed"]) document.addEventListener(name, changed);

// Of the page, of a form or webhook that was drawn anew, not of what stands beside them.
document.addEventListener("htmx:load", ({ target }) => {
  if (!target.matches("body, #workflow-form, [data-row]")) return;
  mirror();
  show();
});

document.addEventListener("DOMContentLoaded", () => {
  const problem = form().querySelector("[data-problems] [data-reveal]");
  const named = document.getElementById(inHash())?.closest("#workflow-form [data-action] :not([data-action])");
  const first = problem ? [problem.dataset.reveal, problem.dataset.revealStep] : named ? [inHash()] : null;
  // When the page has loaded, the browser focuses what the hash names: the first error, or that input, comes after that.
  if (first) addEventListener("load", () => setTimeout(() => reveal(...first)));
  initial = problem ? "" : typed();
  if (!problem) bringBack();
  // A module that was chosen before this script was there (a slow network, the browser's own memory of the page).
  const module = document.getElementById("module");
  if (module && module.value !== form().dataset.module) redraw(module);
});
