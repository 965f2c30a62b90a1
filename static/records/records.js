// Records: edit in place, dates that are none, and typing that is not thrown away.

// ---- in place ----
document.addEventListener("dblclick", (event) => {
  const value = event.target.closest(".detail-value");
  if (value && !event.target.closest("a")) value.closest(".detail").querySelector(".detail-edit").click();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  event.target.closest("[data-field-form]")?.querySelector("[data-cancel]").click();
});

// The form that came in the field's place has the focus, and then the field again; what the poller brings has not.
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (!target.matches(".detail")) return;
  const control = target.querySelector("input:not([type=hidden]), select, textarea, .detail-edit");
  control?.focus();
  if (control?.matches("input:not([type=checkbox], [type=radio])")) control.select();
});

// Fields are put in place one by one, each with the record's version that it shows. The oldest one says what is to come.
document.addEventListener("poll:describe", ({ detail: parameters }) => {
  const fields = document.querySelectorAll("#record-fields > [data-version]");
  if (fields.length) parameters.version = Math.min(...[...fields].map((field) => field.dataset.version));
});
document.addEventListener("record-saved", () => document.dispatchEvent(new Event("poll:now")));

// ---- a date that is none: the browser sends nothing for it, so it is said here ----
function wrongDate(control) {
  const field = control.closest(".field, .is-edited");
  const error = field?.querySelector(".invalid-feedback");
  const wrong = control.validity.badInput || control.validity.rangeOverflow;
  if (!error || (!wrong && !control.dataset.wrong)) return false;
  control.classList.toggle("is-invalid", wrong);
  control.toggleAttribute("aria-invalid", wrong);
  control.dataset.wrong = wrong ? "1" : "";
  error.textContent = wrong ? "This is not a complete date." : "";
  error.hidden = !wrong;
  return wrong;
}

function refuseWrongDates(event) {
  const form = event.target.closest?.("[data-record-form]");
  if (!form) return;
  const wrong = [...form.querySelectorAll("input[type=date], input[type=datetime-local]")].filter(wrongDate);
  if (!wrong.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  wrong[0].focus();
}

document.addEventListener("submit", refuseWrongDates, true);
document.addEventListener("change", (event) => {
  if (event.target.dataset?.wrong) wrongDate(event.target);
});

// ---- typing is not thrown away without a word ----
let changed = false;
document.addEventListener("input", (event) => {
  if (event.target.closest(".record-form")) changed = true;
});
document.addEventListener("submit", (event) => {
  if (!event.target.closest("dialog")) changed = false; // what a dialog sends leaves the form as it is
});
document.addEventListener("click", (event) => {
  if (event.target.closest(".form-actions a")) changed = false;
});
window.addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
