// The workflow form: steps, parts that depend on another input, menus, and a draft that survives reload and back.
import { toast } from "./app.js";

const KEEP_AFTER = 250;
const form = () => document.getElementById("workflow-form");
const steps = () => [...document.querySelectorAll("[data-step]")];

// ---- steps ------------------------------------------------------------------------------------------------------

// The hash says what is open: a step ("#trigger"), a webhook ("#actions.0") or an input in either of them.
function show() {
  if (!form()) return;
  const wanted = decodeURIComponent(location.hash.slice(1));
  const target = wanted ? document.getElementById(wanted) : null;
  const inForm = target && form().contains(target) ? target : null;
  const step = inForm?.closest("[data-step]") ?? document.getElementById(form().dataset.stepOpen);
  const action = inForm?.closest("[data-webhook]") ?? null;
  steps().forEach((each) => (each.hidden = each !== step));
  document.querySelectorAll("[data-webhook]").forEach((each) => {
    each.classList.toggle("is-open", each === action);
    each.querySelector("[data-editor]").hidden = each !== action;
  });
  form().classList.toggle("is-editing", Boolean(action));
  form().dataset.stepNow = step.id;
  document.querySelectorAll("[data-step-link]").forEach((link) => {
    if (link.dataset.stepLink === step.id) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  });
  const at = steps().indexOf(step);
  setHidden("[data-step-go=back]", Boolean(action) || at === 0);
  setHidden("[data-step-go=next]", Boolean(action) || at === steps().length - 1);
  setHidden("[data-editor-close]", !action);
  leadTo(
    form().dataset.new !== undefined && !action && at < steps().length - 1 ? "[data-step-go=next]" : "[data-save]",
  );
  document.querySelectorAll("[data-grows]").forEach(grow);
  document.dispatchEvent(new CustomEvent("workflow:shown", { detail: { step, action } }));
}

// One primary button: in a new workflow it is "Next" until the last step.
function leadTo(selector) {
  for (const button of form().querySelectorAll("[data-step-go=next], [data-save]")) {
    button.classList.toggle("btn-primary", button.matches(selector));
    button.classList.toggle("btn-secondary", !button.matches(selector));
  }
}

function setHidden(selector, hidden) {
  document.querySelectorAll(selector).forEach((element) => (element.hidden = hidden));
}

export function go(id) {
  if (decodeURIComponent(location.hash.slice(1)) !== id) history.pushState(null, "", `#${id}`);
  show();
  window.scrollTo({ top: 0 });
}

// Brings an input into view wherever it is: in another step, in a closed webhook, in a closed disclosure.
function reveal(path, step) {
  let target = document.getElementById(path);
  let prefix = path;
  while (!target && prefix.includes(".")) {
    prefix = prefix.slice(0, prefix.lastIndexOf("."));
    target = document.getElementById(prefix);
  }
  if (!target) return go(step || "basic");
  const write = location.hash === `#${path}` ? "replaceState" : "pushState";
  history[write](null, "", `#${(target.closest("[data-webhook]") ?? target.closest("[data-step]")).id}`);
  show();
  for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  target.scrollIntoView({ block: "center" });
  target.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-step-link], [data-editor-open]");
  if (link) {
    event.preventDefault();
    go(link.getAttribute("href").slice(1));
    if (link.matches("[data-editor-open]")) {
      firstInput(link.closest("[data-webhook]"))?.focus({ preventScroll: true });
    }
    return;
  }
  const error = event.target.closest("[data-reveal]");
  if (error) {
    event.preventDefault();
    return reveal(error.dataset.reveal, error.dataset.revealStep);
  }
  const move = event.target.closest("[data-step-go]");
  if (move) {
    const at = steps().findIndex((step) => step.id === form().dataset.stepNow);
    go(steps()[at + (move.dataset.stepGo === "next" ? 1 : -1)].id);
    return steps().find((step) => !step.hidden).querySelector("h2")?.focus?.();
  }
  if (event.target.closest("[data-editor-close]")) {
    const open = document.querySelector("[data-webhook].is-open");
    go("actions");
    open?.querySelector("[data-editor-open]").focus({ preventScroll: true });
  }
});

const firstInput = (action) => action?.querySelector("[data-editor] input[type=text], [data-editor] input:not([type])");

window.addEventListener("hashchange", show);
window.addEventListener("popstate", show);

// ---- Enter and saving -------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (!form()?.contains(event.target)) return;
  if ((event.ctrlKey || event.metaKey) && (event.key === "s" || event.key === "Enter")) {
    event.preventDefault();
    form().querySelector("[data-save]").click();
  } else if (event.key === "Enter" && !event.defaultPrevented && event.target.matches("input, select")) {
    event.preventDefault(); // a half-filled form is not sent by accident
  }
});

// ---- parts that depend on another input -------------------------------------------------------------------------

function valueOf(name) {
  const inputs = [...form().elements].filter((input) => input.name === name && input.type !== "hidden");
  if (inputs[0]?.type === "checkbox") return inputs[0].checked ? "1" : "";
  if (inputs[0]?.type === "radio") return inputs.find((input) => input.checked)?.value ?? "";
  return inputs[0]?.value ?? "";
}

function showParts() {
  if (!form()) return;
  for (const part of form().querySelectorAll("[data-shown-when]")) {
    const holds = (condition) => {
      const [name, values] = condition.split("=");
      return values.split("|").includes(valueOf(name));
    };
    part.hidden = !part.dataset.shownWhen.split(" ").some(holds);
  }
}

// ---- texts that are shown elsewhere, inputs that grow -----------------------------------------------------------

function mirror() {
  for (const element of document.querySelectorAll("[data-mirror]")) {
    const value = valueOf(element.dataset.mirror).trim();
    element.textContent = value || element.dataset.mirrorEmpty || "";
  }
}

function grow(input) {
  if (CSS.supports("field-sizing", "content")) return;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

// ---- redrawing by the server ------------------------------------------------------------------------------------

// A change of these inputs asks for their row, or for the whole form, anew. An answer that is older than what has been
// typed meanwhile is not taken: the question is asked again.
const REDRAWS = {
  row: { url: "/settings/workflows/condition", scope: (element) => element.closest("[data-row]") },
  form: { url: "/settings/workflows/draft", scope: () => form() },
};
let redraws = 0;

// The answer to a posted body; null, with words about it, when none comes from the page that was asked for.
export async function ask(url, body) {
  try {
    const answer = await fetch(url, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (answer.status < 500 && answer.status !== 401 && !answer.redirected) return answer;
    lost(
      answer.status >= 500
        ? "Something went wrong on our side. What you typed is still here."
        : "You are logged out. Log in in another tab; what you typed is still here.",
    );
  } catch {
    lost("The server can't be reached. What you typed is still here.");
  }
  return null;
}

let told = 0; // said once in a while, not at every key

function lost(words) {
  if (Date.now() - told < 10_000) return;
  told = Date.now();
  toast(words, "warning");
}

function typedIn(scope) {
  return [...scope.querySelectorAll("input, select, textarea")]
    .map((input) => (input.type === "checkbox" || input.type === "radio" ? input.checked : input.value))
    .join("\u0000");
}

async function redraw(element) {
  const { url, scope } = REDRAWS[element.dataset.redraw];
  const place = scope(element);
  if (!place) return;
  const mine = ++redraws;
  place.dataset.redraw = mine;
  const before = typedIn(place);
  const body = new URLSearchParams(new FormData(form()));
  if (place.dataset.row) body.set("at", place.dataset.row);
  const answer = await ask(url, body);
  if (!answer?.ok || !place.isConnected || Number(place.dataset.redraw) !== mine) return;
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (typedIn(place) !== before) return redraw(element);
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  const fresh = document.adoptNode(parsed.body.firstElementChild);
  restoreSecrets(fresh, secretsIn(place));
  if (element.id !== "module") restorePreviews(fresh, previewsIn(place));
  moveResults(place, fresh);
  place.replaceWith(fresh);
  window.htmx.process(fresh);
  redrawn();
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

export function redrawn() {
  start();
  document.dispatchEvent(new CustomEvent("workflow:redrawn"));
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-redraw]") && form()?.contains(event.target)) redraw(event.target);
});

// htmx would write the heights of grown inputs into style attributes, which the CSP refuses.
if (window.htmx) window.htmx.config.attributesToSettle = ["class"];

// What is in no answer of the server goes from the form that leaves to the one that comes: what is typed as a secret,
// and the records chosen for previews.
const secretInputs = (place) => [...place.querySelectorAll("input[type=password]")];
export const secretsIn = (place) => secretInputs(place).map((input) => [input.name, input.value]);
const previewPickers = (place) => [...place.querySelectorAll("[data-preview] [data-record-picker]")];
const previewParts = (
  picker,
) => [picker.querySelector("[data-record-id]"), picker.querySelector("[data-record-search]")];

export function previewsIn(place) {
  return previewPickers(place).map((picker) => {
    const [id, search] = previewParts(picker);
    return [id.name, { id: id.value, text: id.value ? search.value : "" }];
  });
}

export function restoreSecrets(place, typed) {
  const values = new Map(typed);
  for (const input of secretInputs(place)) input.value ||= values.get(input.name) ?? "";
}

export function restorePreviews(place, chosen) {
  const values = new Map(chosen);
  for (const picker of previewPickers(place)) {
    const [id, search] = previewParts(picker);
    const was = values.get(id.name);
    if (!was?.id) continue;
    [id.value, search.value, picker.dataset.chosen] = [was.id, was.text, was.text];
  }
}

// A test or a sample response stays beside the form that is drawn anew.
function moveResults(place, fresh) {
  for (const old of place.querySelectorAll("[data-test-result]")) {
    const path = old.closest("[data-preview]").dataset.preview;
    fresh.querySelector(`[data-preview="${path}"] [data-test-result]`)?.replaceChildren(...old.childNodes);
  }
}

let leaving = { secrets: [], previews: [] }; // of a form that htmx is about to replace

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target === form()) leaving = { secrets: secretsIn(form()), previews: previewsIn(form()) };
});

// After a save that was refused: the first error, wherever it is.
document.addEventListener("htmx:afterSettle", (event) => {
  if (!form() || event.target !== form()) return;
  restoreSecrets(form(), leaving.secrets);
  restorePreviews(form(), leaving.previews);
  leaving = { secrets: [], previews: [] };
  redrawn();
  const problems = form().querySelector("[data-problems]:not([data-seen])");
  if (!problems) return;
  problems.dataset.seen = "";
  const first = problems.querySelector("[data-reveal]");
  reveal(first.dataset.reveal, first.dataset.revealStep);
});

// ---- the draft --------------------------------------------------------------------------------------------------

// Kept in this tab only, without secrets, until the workflow is saved.
const key = `draft:${location.pathname}`;
let timer = 0;
let initial = "";

function typed() {
  const data = new FormData(form());
  for (const input of form().querySelectorAll("input[type=password]")) data.delete(input.name);
  for (const name of [...data.keys()]) if (name === "csrf_token" || /\.preview\./.test(name)) data.delete(name);
  return new URLSearchParams(data).toString();
}

function keep() {
  if (!form() || initial === null) return;
  const now = typed();
  if (now === initial) sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, now);
}

const keepSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(keep, KEEP_AFTER);
};

async function restore() {
  const kept = sessionStorage.getItem(key);
  if (!kept || kept === initial) return;
  const body = new URLSearchParams(kept);
  body.set("csrf_token", form().elements.csrf_token.value);
  const answer = await ask("/settings/workflows/draft", body);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  form().replaceWith(document.adoptNode(fresh.getElementById("workflow-form")));
  window.htmx.process(form());
  setHidden("[data-draft-restored]", false);
  redrawn();
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.xhr?.getResponseHeader("HX-Redirect")) return;
  clearTimeout(timer);
  sessionStorage.removeItem(key);
  initial = null;
});

document.addEventListener("click", (event) => {
  const leave = event.target.closest("[data-leave]");
  if (leave && initial !== null && typed() !== initial) {
    event.preventDefault();
    document.getElementById("ask-leave").showModal();
  }
  if (event.target.closest("[data-discard]")) discard("/settings/workflows");
  if (event.target.closest("[data-draft-discard]")) discard(location.pathname + location.search);
});

function discard(url) {
  clearTimeout(timer);
  sessionStorage.removeItem(key);
  initial = null;
  location.replace(url);
}

window.addEventListener("pagehide", () => initial !== null && form() && timer && keep());

// ---- start ------------------------------------------------------------------------------------------------------

function changed(event) {
  if (!form()?.contains(event.target)) return;
  if (event.target.matches?.("[data-grows]")) grow(event.target);
  showParts();
  mirror();
  keepSoon();
}

for (const name of ["input", "change", "rows:changed"]) document.addEventListener(name, changed);

function start() {
  if (!form()) return;
  showParts();
  mirror();
  show();
}

document.addEventListener("DOMContentLoaded", () => {
  if (!form()) return;
  start();
  const problems = form().querySelector("[data-problems] [data-reveal]");
  const hash = decodeURIComponent(location.hash.slice(1));
  const named = hash && document.getElementById(hash)?.closest("#workflow-form [data-webhook] :not([data-webhook])");
  // When the page has loaded, the browser focuses what the hash names: the first error, or that input, comes after that.
  if (!problems && named) window.addEventListener("load", () => setTimeout(() => reveal(hash)));
  if (problems) {
    window.addEventListener(
      "load",
      () => setTimeout(() => reveal(problems.dataset.reveal, problems.dataset.revealStep)),
    );
  }
  initial = problems ? "" : typed();
  if (!problems) restore();
  // A module that was chosen before this script was there (a slow network, the browser's own memory of the page).
  const module = document.getElementById("module");
  if (module && module.value !== form().dataset.module) redraw(module);
});
