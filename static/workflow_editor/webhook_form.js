// The webhook form: the live request beside it, the test, related modules, and what fills it (cURL, sample, recipes).
import { ask, onClick, put, type } from "../app.js";
import * as rows from "./rows.js";
import { bodyOf, carried, go } from "./workflow_form.js";

const PREVIEW_AFTER = 350;
const form = () => document.getElementById("workflow-form");
const opened = () => document.querySelector("[data-webhook].is-open");
const input = (webhook, name) => document.getElementById(`${webhook.dataset.row}.${name}`);
const changed = (element) => element.dispatchEvent(new Event("change", { bubbles: true }));

const post = (name, webhook, values = {}) =>
  ask(`/settings/webhook-form/${name}`, bodyOf({ at: webhook.dataset.row, ...values }));

// ---- secret values ----------------------------------------------------------------------------------------------

// What was typed in the open goes into the password-like control that takes its place.
document.addEventListener("change", ({ target }) => {
  if (!target.matches?.("[data-secret-toggle]") || !target.checked) return;
  const row = target.closest("[data-row]");
  const open = row.querySelector("[data-plain-value] textarea");
  const secret = row.querySelector("input[type=password]");
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
  const answer = await post("preview", webhook);
  if (mine !== number) return;
  place.removeAttribute("aria-busy");
  if (!answer?.ok) return;
  put(place, answer.markup);
  tryCaptures(webhook);
}

// What the capture rows, as they are now, take of the response beside the form.
let tries = 0;

async function tryCaptures(webhook) {
  const place = webhook.querySelector("[data-taken]");
  if (!place) return;
  const mine = ++tries;
  const sample = place.parentElement.querySelector("[data-sample]");
  const answer = await post("taken", webhook, sample ? { text: sample.value } : { delivery: place.dataset.delivery });
  if (answer?.ok && mine === tries) put(place, answer.markup);
}

// A text has told already with each key what its "change" says when it is left.
const isTold = ({ type, target }) =>
  type === "change" && target.matches("textarea, input[type=text], input[type=password]");

for (const name of ["input", "change", "rows:changed"]) {
  document.addEventListener(name, (event) => {
    if (isTold(event) || !form().contains(event.target)) return;
    offerRelated();
    if (!opened()?.contains(event.target) || event.target.matches("[data-record-search]")) return;
    showInspectorLink(opened());
    previewSoon();
  });
}

document.addEventListener("workflow:shown", () => previewSoon(0));

// ---- test -------------------------------------------------------------------------------------------------------

async function sendTest(button) {
  const aside = button.closest("[data-preview]"); // stays, though the server may draw the webhook anew meanwhile
  button.disabled = true;
  const answer = await post("test", button.closest("[data-webhook]"));
  button.disabled = false;
  if (answer) show(aside, answer.markup);
}

// Beside the form: a test and its response, or a sample response.
function show(aside, markup) {
  const place = aside.querySelector("[data-test-result]");
  put(place, markup);
  place.scrollIntoView({ block: "nearest" });
}

document.addEventListener("htmx:afterSettle", ({ target }) => {
  const result = target.closest("[data-test-result]");
  if (!result || target.closest("[data-taken]")) return;
  const aside = result.closest("[data-preview]");
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
  type(rows.textsOf(row)[0], leaf.dataset.capturePath);
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
    const isOffered = ({ dataset: { addRelated } }) => !full && chosen.has(addRelated) && !taken.has(addRelated);
    const items = [...list.querySelectorAll("[data-add-related]")];
    for (const item of items) item.hidden = !isOffered(item);
    list.querySelector("[data-related-none]").hidden = full || items.some(isOffered);
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

let filled = null; // the webhook as it was before something filled it

// A secret that was typed for one address must not stay for another that a command or a recipe brings.
const KEEPS = { sample: () => true, curl: (name) => name.endsWith(".signing.secret"), recipe: () => false };

async function useTool(name, values, dialog) {
  const webhook = opened();
  const answer = webhook && await post(name, webhook, values);
  if (!answer) return;
  if (!answer.ok) return put(dialog.querySelector("[data-tool-answer]"), answer.markup);
  dialog.close();
  if (name === "response") return show(webhook.querySelector("[data-preview]"), answer.markup);
  filled = webhook;
  const restore = carried(webhook, KEEPS[name]);
  put(webhook, answer.markup, "outerHTML");
  restore(opened());
  changed(opened().querySelector("[data-editor] input"));
}

// What the form held before it was filled comes back, with everything that had been typed.
function undoFill() {
  const webhook = opened();
  if (!webhook || !filled) return;
  webhook.replaceWith(filled);
  carried(webhook, () => false)(filled);
  changed(filled.querySelector("[data-editor] input"));
  filled = null;
}

document.addEventListener("submit", (event) => {
  const tool = event.target.closest("[data-tool-form]");
  if (!tool) return;
  event.preventDefault();
  useTool(tool.dataset.toolForm, Object.fromEntries(new FormData(tool)), tool.closest("dialog"));
});

// ---- the signing secret ------------------------------------------------------------------------------------------

const rotation = () => document.getElementById("ask-rotate");
const overlapOf = (path) => document.querySelector(`#workflow-form [data-signing-overlap="${path}"]`);

function askToRotate(button, event) {
  event.preventDefault();
  const dialog = rotation();
  dialog.dataset.path = button.dataset.rotate;
  dialog.replaceChildren(document.getElementById("template-rotate").content.cloneNode(true));
  dialog.querySelector("[data-rotate-overlap]").hidden = overlapOf(button.dataset.rotate).hidden;
  dialog.showModal();
}

// The answer takes the place of the question, and brings the new state of the signature for the form.
async function rotate() {
  const answer = await post("rotate", document.getElementById(rotation().dataset.path));
  const refused = "It could not be rotated. Save the workflow first.";
  put(answer?.ok ? rotation() : rotation().querySelector("[data-rotate-words]"), answer?.ok ? answer.markup : refused);
  rotation().querySelector("[data-ask-close]").focus();
}

// ---- clicks -----------------------------------------------------------------------------------------------------

onClick({
  "[data-send-test]": sendTest,
  "[data-test-close]": (button) => button.closest("[data-test-result]").replaceChildren(),
  "[data-capture-path]": capture,
  "[data-add-related]": addRelated,
  "[data-tool]"(button) {
    const dialog = document.getElementById(`tool-${button.dataset.tool}`);
    dialog.showModal();
    dialog.querySelector("[data-tool-text]").focus();
  },
  "[data-inspector]"(button) {
    const url = input(button.closest("[data-webhook]"), "url");
    type(url, button.dataset.inspector);
    url.focus();
  },
  "[data-fill-undo]": undoFill,
  "[data-rotate]": askToRotate,
  "[data-rotate-now]": rotate,
});

// A URL that is an inspector's own: the way to see what arrives there.
function showInspectorLink(webhook) {
  const link = webhook.querySelector("[data-inspector-link]");
  const name = input(webhook, "url").value.match(/\/inspect\/([\w.-]+)/);
  link.hidden = !name;
  webhook.querySelector("[data-inspector-hint]").hidden = Boolean(name);
  if (name) link.href = `/inspector/${name[1]}`;
}

// A webhook that was just added is opened.
document.addEventListener("rows:added", ({ target }) => {
  if (!target.matches("[data-webhook]")) return;
  go(target.id);
  input(target, "title").focus();
});

document.addEventListener("htmx:load", ({ target }) => {
  if (!form() || !target.matches("body, #workflow-form, [data-row]")) return;
  offerRelated();
  document.querySelectorAll("[data-webhook]").forEach(showInspectorLink);
});
document.addEventListener("workflow:redrawn", () => previewSoon());
