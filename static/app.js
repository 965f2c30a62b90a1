// What every page has: dialogs that ask, copying, the switch of the colour scheme, and messages when a request fails.
export function announce(words) {
  const place = document.getElementById("announce");
  if (place) place.textContent = words;
}

export function toast(words, tone) {
  const note = document.createElement("div");
  note.className = "note tone-" + (tone || "danger");
  note.textContent = words;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 8000);
}

document.addEventListener("click", (event) => {
  const ask = event.target.closest("[data-ask]");
  if (ask) document.getElementById(ask.dataset.ask).showModal();
  const close = event.target.closest("[data-ask-close]");
  if (close) close.closest("dialog").close();
  if (event.target instanceof HTMLDialogElement) event.target.close();

  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const from = document.getElementById(copy.dataset.copy);
    const text = "value" in from ? from.value : from.textContent;
    const said = copy.querySelector("span");
    copyText(text).then(() => {
      announce("Copied");
      if (!said) return;
      const before = said.textContent;
      said.textContent = "Copied";
      setTimeout(() => {
        said.textContent = before;
      }, 1500);
    });
  }

  if (event.target.closest("[data-theme-switch]")) switchTheme();
});

// The clipboard is there on https and localhost only; elsewhere the old way.
function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
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
  const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
  root.removeAttribute("data-theme-auto");
  root.setAttribute("data-bs-theme", next);
  const token = document.querySelector('meta[name="csrf-token"]').content;
  fetch("/account/theme", {
    method: "POST",
    headers: { "X-CSRFToken": token, "Content-Type": "application/x-www-form-urlencoded" },
    body: "theme=" + next,
  });
}

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.elt?.matches("[data-poll]")) return; // live pages say so themselves
  const code = event.detail.xhr.status;
  if (code === 429) toast("Too many requests. Wait a moment.", "warning");
  else if (code >= 500) toast("Something went wrong on our side. Nothing was saved; try again.");
  else if (code === 400) toast("This page is too old. Reload it and try again; copy what you typed first.", "warning");
});
document.addEventListener("htmx:sendError", (event) => {
  if (event.detail.elt?.matches("[data-poll]")) return;
  toast("The server can't be reached. Try again when the connection is back.", "warning");
});
