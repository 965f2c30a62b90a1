// What every page has: dialogs that ask, copying, the switch of the colour scheme, messages when a request fails; and how a
// page asks the server for a part of itself and puts it in place.
const { htmx } = globalThis;

export function announce(words) {
  document.getElementById("announce").textContent = words;
}

// Said once, however often it happens while it is there.
export function toast(words, tone = "danger") {
  const place = document.getElementById("toasts");
  if ([...place.children].some((each) => each.textContent === words)) return;
  const note = document.createElement("div");
  note.className = `note tone-${tone}`;
  note.textContent = words;
  place.append(note);
  setTimeout(() => note.remove(), 8000);
}

// ---- parts of a page ----------------------------------------------------------------------------------------------

// The answer, as { ok, markup }; null, with words about it, when none comes from the page that was asked for.
export async function ask(url, body) {
  try {
    const answer = await fetch(url, { method: body ? "POST" : "GET", body, headers: { "HX-Request": "true" } });
    const isFrom = answer.status < 500 && answer.status !== 401 && !answer.redirected;
    if (isFrom) return { ok: answer.ok, markup: await answer.text() };
    if (answer.status >= 500) toast("Something went wrong on our side. What you entered is still here.", "warning");
    else toast("You are logged out. Log in in another tab; what you entered is still here.", "warning");
  } catch {
    toast("The server can't be reached. What you entered is still here.", "warning");
  }
  return null;
}

// In or for `place`: details that are open stay so, and htmx keeps the focus of what has an id.
export function put(place, markup, swapStyle = "innerHTML") {
  const unfolded = [...place.querySelectorAll("details[open][id]")].map((each) => each.id);
  htmx.swap(place, markup, { swapStyle });
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
}

// As if it had been typed.
export function type(input, value) {
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

// The first of the selectors that the click is on says what is done.
export function onClick(acts) {
  document.addEventListener("click", (event) => {
    const selector = Object.keys(acts).find((each) => event.target.closest(each));
    if (selector) acts[selector](event.target.closest(selector), event);
  });
}

// ---- dialogs, copying, colours ------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const { target } = event;
  const asks = target.closest("[data-ask]");
  if (asks) {
    event.preventDefault(); // a link leads to the page that asks the same
    document.getElementById(asks.dataset.ask).showModal();
  }
  target.closest("[data-ask-close]")?.closest("dialog").close();
  if (target.matches("dialog:not(.is-form)")) target.close();
  if (target.closest("[data-theme-switch]")) switchTheme();
  const copy = target.closest("[data-copy]");
  if (!copy) return;
  const from = document.getElementById(copy.dataset.copy);
  const said = copy.querySelector("span");
  copyText(from.value ?? from.textContent).then(() => {
    announce("Copied");
    const before = said.textContent;
    said.textContent = "Copied";
    setTimeout(() => (said.textContent = before), 1500);
  });
});

// The clipboard is there on https and localhost only; elsewhere the old way.
function copyText(text) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return Promise.resolve();
}

function switchTheme() {
  const root = document.documentElement;
  const theme = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
  root.removeAttribute("data-theme-auto");
  root.setAttribute("data-bs-theme", theme);
  htmx.ajax("POST", "/account/theme", { swap: "none", values: { theme } });
}

// The browser's time zone, so that the first admin's days are right.
for (const input of document.querySelectorAll("[data-time-zone]")) {
  input.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
}

// ---- requests that fail -------------------------------------------------------------------------------------------

document.addEventListener("htmx:responseError", ({ target, detail: { xhr } }) => {
  if (target.matches("[data-poll]")) return; // live pages say so themselves
  if (xhr.status === 429) toast("Too many requests. Wait a moment.", "warning");
  else if (xhr.status >= 500) toast("Something went wrong on our side. Nothing was saved; try again.");
  else if (xhr.status === 400) {
    toast("This page is too old. Reload it and try again; copy what you entered first.", "warning");
  }
});
document.addEventListener("htmx:sendError", ({ target }) => {
  if (target.matches("[data-poll]")) return;
  toast("The server can't be reached. Try again when the connection is back.", "warning");
});
