// Records: edit in place, dates that are none, popovers of the list bar, and the live part of a record's page.
"use strict";

(() => {
  // ---- the list bar: a URL without empty parts; one popover at a time ----
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target.dataset?.dropEmpty === undefined) return;
    const values = event.detail.formData;
    [...values.keys()].forEach((name) => {
      if (name.endsWith(".search")) values.delete(name);
      else if (values.getAll(name).every((value) => value === "")) values.delete(name);
    });
    const usual = event.target.dataset.columns;
    if (usual !== undefined && [...values.getAll("columns")].join(" ") === usual) values.delete("columns");
  });

  document.addEventListener("click", (event) => {
    document.querySelectorAll("details[data-popover][open]").forEach((details) => {
      if (!details.contains(event.target)) details.open = false;
    });
  });

  // ---- in place ----
  document.addEventListener("dblclick", (event) => {
    const value = event.target.closest(".detail-value");
    if (value && !event.target.closest("a")) value.closest(".detail").querySelector(".detail-edit").click();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    const popover = event.target.closest("details[data-popover][open]");
    if (popover) {
      popover.open = false;
      popover.querySelector("summary").focus();
    }
    const form = event.target.closest("[data-field-form]");
    if (form) form.querySelector("[data-cancel]").click();
  });

  let back = ""; // the field that was being edited: the focus goes back to it
  document.addEventListener("htmx:afterSettle", (event) => {
    const form = document.getElementById(event.detail.target?.id || "");
    if (form?.matches("[data-field-form]")) {
      back = form.id;
      const control = form.querySelector("input:not([type=hidden]), select, textarea");
      control?.focus();
      if (control?.matches("input:not([type=checkbox], [type=radio])")) control.select();
    } else if (form?.matches(".detail")) {
      back = "";
      form.querySelector(".detail-edit")?.focus();
    }
  });

  // ---- a date that is none: the browser sends nothing for it, so it is said here ----
  function wrongDate(control) {
    const field = control.closest(".field, .is-edited");
    const error = field?.querySelector(".invalid-feedback");
    const wrong = control.validity.badInput || control.validity.rangeOverflow;
    if (!error || (!wrong && !control.dataset.wrong)) return false;
    control.classList.toggle("is-invalid", wrong);
    control.toggleAttribute("aria-invalid", wrong);
    control.dataset.wrong = wrong ? "1" : "";
    error.textContent = wrong ? "This is not a date, or not a whole one." : "";
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
  document.addEventListener("submit", () => {
    changed = false;
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest(".form-actions a")) changed = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });

  // ---- live ----
  const live = () => document.querySelector("[data-record-live]");
  const QUICK = 400, CALM = 900, SLOW = 3000, LATELY = 20_000;
  let touched = Date.now();
  let failures = 0;
  let timer = 0;

  function pace() {
    if (failures) return Math.min(QUICK * 2 ** failures, 10_000);
    if (document.getElementById("record-activity")?.dataset.underWay === "1") return QUICK;
    return Date.now() - touched < LATELY ? CALM : SLOW;
  }

  function schedule(wait = pace()) {
    clearTimeout(timer);
    if (live() && !document.hidden) timer = setTimeout(ask, wait);
  }

  async function ask() {
    const activity = document.getElementById("record-activity");
    const fields = document.getElementById("record-fields");
    if (!activity || !fields) return;
    const query = new URLSearchParams({
      token: activity.dataset.token,
      version: fields.dataset.version,
      editing: busy() ? "1" : "0",
    });
    try {
      const answer = await fetch(`${live().dataset.recordLive}?${query}`, { headers: { "HX-Request": "true" } });
      if (answer.status === 401) return location.reload();
      failures = answer.ok ? 0 : failures + 1;
      if (answer.status === 200) put(await answer.text());
    } catch {
      failures += 1;
    }
    schedule();
  }

  // A field is being edited, or on its way there or back: what stands in its place must stay.
  function busy() {
    return back || document.querySelector("#record-fields [data-field-form], #record-fields .htmx-request");
  }

  function put(markup) {
    const focused = document.activeElement?.id || document.activeElement?.getAttribute("href");
    const parsed = new DOMParser().parseFromString(markup, "text/html");
    const before = statuses(document);
    for (const part of parsed.body.querySelectorAll("[hx-swap-oob]")) {
      part.removeAttribute("hx-swap-oob");
      const old = document.getElementById(part.id);
      if (part.id === "record-fields" && busy()) continue; // asked again at the next turn
      old?.replaceWith(part);
      htmx.process(part);
    }
    touched = Date.now();
    const moved = [...statuses(document)].find(([id, words]) => before.get(id) !== words);
    if (moved) announce(moved[1]);
    if (focused && document.activeElement === document.body) {
      (document.getElementById(focused) || document.querySelector(`a[href="${CSS.escape(focused)}"]`))?.focus();
    }
  }

  function statuses(root) {
    return new Map([...root.querySelectorAll(".record-deliveries li")].map((each) => [
      each.id,
      `${each.querySelector("strong").textContent}: ${each.querySelector(".status").textContent.trim()}`,
    ]));
  }

  document.addEventListener("visibilitychange", () => schedule(0));
  document.addEventListener("DOMContentLoaded", () => {
    document.body.addEventListener("record-saved", () => {
      touched = Date.now();
      schedule(0);
    });
    schedule();
  });
})();
