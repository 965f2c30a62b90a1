// The webhook form: the live request beside it, the test, related modules, and what fills it (cURL, sample, recipes).
import * as rows from "./rows.js";
import { ask, go, previewsIn, redrawn, restorePreviews, restoreSecrets, secretsIn } from "./workflow_form.js";

const PREVIEW_AFTER = 350;
const form = () => document.getElementById("workflow-form");
const opened = () => document.querySelector("[data-webhook].is-open");
const input = (webhook, name) => document.getElementById(`${webhook.dataset.row}.${name}`);
const changed = (element) => element.dispatchEvent(new Event("change", { bubbles: true }));

// The form's fields and what is asked besides, as one posted body; for answers that are put in place by hand.
async function post(url, webhook, values = {}) {
  const body = new URLSearchParams(new FormData(form()));
  body.set("at", webhook.dataset.row);
  for (const [name, value] of Object.entries(values)) body.set(name, value);
  const answer = await ask(url, body);
  if (!answer) return { ok: false, nodes: [] };
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { ok: answer.ok, nodes: [...parsed.body.childNodes] };
}

// ---- secret values ----------------------------------------------------------------------------------------------

// What was typed in the open goes into the password-like control that takes its place.
document.addEventListener("change", ({ target }) => {
  if (!target.matches?.("[data-secret-toggle]") || !target.checked) return;
  const row = target.closest("[data-row]");
  const [open, secret] = [
    row.querySelector("[data-plain-value] textarea"),
    row.querySelector("input[type=password]"),
  ];
  if (open.value && !secret.value) [secret.value, open.value] = [open.value, ""];
  secret.focus();
});

// ---- preview ----------------------------------------------------------------------------------------------------

let timer = 0;
let number = 0;

// Busy from the first change until the preview shows what is typed.
function previewSoon(wait = PREVIEW_AFTER) {
  clearTimeout(timer);
  if (!opened()) return;
  number += 1;
  opened().querySelector("[data-preview-result]").setAttribute("aria-busy", "true");
  timer = setTimeout(preview, wait);
}

async function preview() {
  const webhook = opened();
  if (!webhook) return;
  const place = webhook.querySelector("[data-preview-result]");
  const mine = number;
  const { ok, nodes } = await post("/settings/webhook-form/preview", webhook);
  if (mine !== number) return;
  place.removeAttribute("aria-busy");
  if (!ok) return;
  const unfolded = new Set([...place.querySelectorAll("details[open]")].map((each) => each.id));
  place.replaceChildren(...nodes);
  for (const each of place.querySelectorAll("details[id]")) each.open ||= unfolded.has(each.id);
  tryCaptures(webhook);
}

// What the capture rows, as they are now, take of the response beside the form.
let tries = 0;

async function tryCaptures(webhook) {
  const place = webhook.querySelector("[data-taken]");
  if (!place) return;
  const mine = ++tries;
  const sample = place.parentElement.querySelector("[data-sample]");
  const values = sample ? { text: sample.value } : { delivery: place.dataset.delivery };
  const { ok, nodes } = await post("/settings/webhook-form/taken", webhook, values);
  if (ok && mine === tries && place.isConnected) place.replaceChildren(...nodes);
}

// A text has told already with each key what its "change" says when it is left.
const isTold = (event) =>
  event.type === "change" && event.target.matches?.("textarea, input[type=text], input[type=password]");

for (const name of ["input", "change", "rows:changed"]) {
  document.addEventListener(name, (event) => {
    if (isTold(event)) return;
    const webhook = opened();
    if (webhook?.contains(event.target) && !event.target.matches?.("[data-record-search], [data-tool-text]")) {
      previewSoon();
    }
    if (form()?.contains(event.target)) offerRelated();
  });
}

document.addEventListener("workflow:shown", (event) => {
  if (event.detail.action) previewSoon(0);
});

// ---- test -------------------------------------------------------------------------------------------------------

async function sendTest(button) {
  const webhook = button.closest("[data-webhook]");
  button.disabled = true;
  try {
    const { nodes } = await post("/settings/webhook-form/test", webhook);
    // The server may have drawn the webhook anew meanwhile, for a change of before.
    show(webhook.isConnected ? webhook : document.getElementById(webhook.dataset.row), nodes);
  } finally {
    button.disabled = false;
  }
}

// Beside the form: a test and its response, or a sample response.
function show(webhook, nodes) {
  const place = webhook.querySelector("[data-test-result]");
  place.replaceChildren(...nodes);
  window.htmx.process(place);
  place.scrollIntoView({ block: "nearest" });
  tryCaptures(webhook);
}

document.addEventListener("htmx:afterSettle", (event) => {
  const result = event.target.closest?.("[data-test-result]");
  const aside = result?.closest("[data-preview]");
  if (!aside) return;
  if (aside.scrollHeight > aside.clientHeight) aside.scrollTo({ top: result.offsetTop - aside.offsetTop });
  tryCaptures(aside.closest("[data-webhook]"));
});

// A click on a value of the response: a capture row of its path, with the field still to be chosen. What a failed test
// answered is for the rows On Failure.
function capture(leaf) {
  const webhook = opened();
  if (!webhook) return;
  const into = leaf.closest("[data-capture-into]").dataset.captureInto;
  const on = input(webhook, "capture.on");
  on.checked = true;
  input(webhook, "capture.type").value = leaf.dataset.captureType;
  changed(on);
  const list = document.getElementById(`${webhook.dataset.row}.capture.${into}`);
  const blank = [...list.querySelectorAll("[data-row]")].find((row) => !rows.textsOf(row)[0].value);
  const row = blank ?? rows.add(list);
  const path = rows.textsOf(row)[0];
  path.value = leaf.dataset.capturePath;
  path.dispatchEvent(new Event("input", { bubbles: true }));
  row.scrollIntoView({ block: "center" });
  row.querySelector("select").focus({ preventScroll: true });
}

// ---- related modules --------------------------------------------------------------------------------------------

// Offered are the modules chosen in step 1 that this webhook does not have yet.
function offerRelated() {
  const chosen = new Set([...form().querySelectorAll("[name='related_modules[]']:checked")].map((box) => box.value));
  for (const list of form().querySelectorAll("[data-related-list]")) {
    const taken = new Set([...list.querySelectorAll("[data-related-module]")].map((each) => each.value));
    const full = taken.size >= Number(list.dataset.max);
    let offered = 0;
    for (const item of list.querySelectorAll("[data-add-related]")) {
      item.hidden = full || taken.has(item.dataset.addRelated) || !chosen.has(item.dataset.addRelated);
      if (!item.hidden) offered += 1;
    }
    list.querySelector("[data-related-none]").hidden = offered > 0 || full;
  }
}

function addRelated(item) {
  const list = item.closest("[data-related-list]");
  const row = rows.add(list);
  if (!row) return;
  const module = item.dataset.addRelated;
  row.querySelector("[data-related-module]").value = module;
  row.querySelector("[data-related-label]").textContent = item.textContent.trim();
  row.querySelector("[name$='.key']").value = module;
  changed(row.querySelector("[data-related-module]"));
  const name = row.querySelector(".parameter [name$='.name']");
  (name.checkVisibility() ? name : row.querySelector("[name$='.key']")).focus();
}

// ---- what fills the form ----------------------------------------------------------------------------------------

function openTool(name) {
  const dialog = document.getElementById(`tool-${name}`);
  dialog.querySelector("[data-tool-answer]").replaceChildren();
  dialog.showModal();
  dialog.querySelector("[data-tool-text]").focus();
}

let filled = null; // the webhook as it was before something filled it

// A secret that was typed for one address must not stay for another that a command or a recipe brings.
const SECRETS_KEPT = {
  sample: (typed) => typed,
  curl: (typed) => typed.filter(([name]) => name.endsWith(".signing.secret")),
  recipe: () => [],
};

async function useTool(name, values, dialog) {
  const webhook = opened();
  if (!webhook) return;
  const { ok, nodes } = await post(`/settings/webhook-form/${name}`, webhook, values);
  if (!ok) return void dialog.querySelector("[data-tool-answer]").replaceChildren(...nodes);
  dialog.close();
  if (name === "response") return show(webhook, nodes);
  filled = webhook;
  webhook.replaceWith(...nodes);
  const fresh = document.getElementById(webhook.dataset.row);
  restorePreviews(fresh, previewsIn(webhook));
  restoreSecrets(fresh, SECRETS_KEPT[name](secretsIn(webhook)));
  redrawn();
  changed(fresh.querySelector("[data-editor] input"));
}

// What the form held before it was filled comes back, with everything that had been typed.
function undoFill() {
  const webhook = opened();
  if (!webhook || !filled) return;
  webhook.replaceWith(filled);
  filled = null;
  redrawn();
  changed(opened().querySelector("[data-editor] input"));
}

document.addEventListener("submit", (event) => {
  const tool = event.target.closest("[data-tool-form]");
  if (!tool) return;
  event.preventDefault();
  const values = tool.dataset.recipe
    ? { recipe: tool.dataset.recipe }
    : { text: tool.querySelector("[data-tool-text]").value };
  useTool(tool.dataset.toolForm, { ...values, ...Object.fromEntries(new FormData(tool)) }, tool.closest("dialog"));
});

// ---- the signing secret ------------------------------------------------------------------------------------------

const rotation = () => document.getElementById("ask-rotate");
const overlapOf = (path) => document.querySelector(`#workflow-form [data-signing-overlap="${path}"]`);

function askToRotate(button, event) {
  event.preventDefault();
  const dialog = rotation();
  dialog.dataset.path = button.dataset.rotate;
  dialog.querySelector("[data-rotate-answer]").replaceChildren();
  dialog.querySelector("[data-rotate-overlap]").hidden = overlapOf(button.dataset.rotate).hidden;
  for (const each of dialog.querySelectorAll("[data-rotate-words], [data-rotate-now]")) each.hidden = false;
  dialog.querySelector("#ask-rotate-question").textContent = "Make a new signing secret?";
  dialog.querySelector("[data-ask-close]").textContent = "Cancel";
  dialog.showModal();
}

async function rotate() {
  const dialog = rotation();
  const webhook = document.getElementById(dialog.dataset.path);
  const { ok, nodes } = await post("/settings/webhook-form/rotate", webhook);
  const [answer, overlap] = nodes.filter((node) => node.nodeType === Node.ELEMENT_NODE);
  dialog.querySelector("[data-rotate-answer]").replaceChildren(
    ok ? answer : "It could not be rotated. Save the workflow first.",
  );
  for (const each of dialog.querySelectorAll("[data-rotate-words], [data-rotate-overlap], [data-rotate-now]")) {
    each.hidden = true;
  }
  if (ok) dialog.querySelector("#ask-rotate-question").textContent = "The new signing secret";
  dialog.querySelector("[data-ask-close]").textContent = "Close";
  dialog.querySelector("[data-ask-close]").focus();
  if (ok) overlapOf(dialog.dataset.path).replaceWith(overlap);
}

// ---- clicks -----------------------------------------------------------------------------------------------------

const CLICKS = {
  "[data-send-test]": sendTest,
  "[data-test-close]": (button) => button.closest("[data-test-result]").replaceChildren(),
  "[data-capture-path]": capture,
  "[data-add-related]": addRelated,
  "[data-tool]": (button) => openTool(button.dataset.tool),
  "[data-tool-close]": (button) => button.closest("dialog").close(),
  "[data-inspector]": useInspector,
  "[data-fill-undo]": undoFill,
  "[data-rotate]": askToRotate,
  "[data-rotate-now]": rotate,
};

document.addEventListener("click", (event) => {
  for (const [selector, act] of Object.entries(CLICKS)) {
    const element = event.target.closest(selector);
    if (element) return void act(element, event);
  }
});

function useInspector(button) {
  const webhook = button.closest("[data-webhook]");
  const url = input(webhook, "url");
  url.value = button.dataset.inspector;
  url.dispatchEvent(new Event("input", { bubbles: true }));
  showInspectorLink(webhook);
  url.focus();
}

// A URL that is an inspector's own: the way to see what arrives there.
function showInspectorLink(webhook) {
  const link = webhook.querySelector("[data-inspector-link]");
  const name = input(webhook, "url").value.match(/\/inspect\/([\w.-]+)/);
  link.hidden = !name;
  webhook.querySelector("[data-inspector-hint]").hidden = Boolean(name);
  if (name) link.href = `/inspector/${name[1]}`;
}

document.addEventListener("input", (event) => {
  const webhook = event.target.closest?.("[data-webhook]");
  if (webhook && event.target.id === `${webhook.dataset.row}.url`) showInspectorLink(webhook);
});

// A webhook that was just added is opened; its row is there once rows.js has handled the same click.
document.addEventListener("rows:changed", (event) => {
  if (event.target.dataset.list !== "actions") return;
  const last = event.target.querySelector("[data-list-rows]").lastElementChild;
  if (last?.dataset.fresh !== undefined) {
    delete last.dataset.fresh;
    setTimeout(() => {
      go(last.id);
      input(last, "title").focus();
    });
  }
});

document.addEventListener("DOMContentLoaded", () => {
  if (form()) offerRelated();
  document.querySelectorAll("[data-webhook]").forEach(showInspectorLink);
});
document.addEventListener("workflow:redrawn", () => {
  offerRelated();
  document.querySelectorAll("[data-webhook]").forEach(showInspectorLink);
  previewSoon();
});
