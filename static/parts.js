// Parts of a form that are shown only while another of its inputs has one of some values, or one of several inputs has.
// Markup: data-shown-when="NAME=a|b NAME2=c"; a ticked box has the value 1. Without this script all of it is there.
export function valueOf(form, name) {
  const input = form.querySelector(`[name="${name}"]:not([type=hidden], [type=radio]:not(:checked))`);
  if (input?.type === "checkbox") return input.checked ? "1" : "";
  return input?.value ?? "";
}

function showParts() {
  for (const part of document.querySelectorAll("[data-shown-when]")) {
    part.hidden = !part.dataset.shownWhen.split(" ").some((condition) => {
      const [name, values] = condition.split("=");
      return values.split("|").includes(valueOf(part.closest("form"), name));
    });
  }
}

for (const name of ["input", "change", "rows:changed", "htmx:load"]) document.addEventListener(name, showParts);
