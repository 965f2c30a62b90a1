// The dashboard draws itself anew every half minute, unless it is hidden or somebody is reading in it.
(() => {
  "use strict";
  const EVERY = 30_000;
  const box = () => document.getElementById("dashboard");

  function isInHand() {
    return document.hidden || box().contains(document.activeElement) || box().matches(":hover") ||
      !getSelection().isCollapsed;
  }

  setInterval(() => {
    if (!box() || isInHand()) return;
    const open = [...box().querySelectorAll("details[open]")].map((each) => each.id);
    window.htmx.ajax("GET", location.pathname + location.search, {
      target: "#dashboard",
      select: "#dashboard",
      swap: "outerHTML",
    })
      .then(() =>
        open.forEach((id) => {
          const each = document.getElementById(id);
          if (each) each.open = true;
        })
      );
  }, EVERY);
})();
