// Bell and banners: asks for them now and then, quicker while something is wrong, slower on a page that nobody has touched
// for long, and not at all in a hidden tab, which asks when it is shown again.
(() => {
  "use strict";
  const SLOW = 20_000;
  const QUICK = 4_000; // a banner is gone soon after its cause
  const IDLE = 60_000;
  const LONG = 600_000;

  let timer = 0;
  let askedAt = Date.now();
  let touchedAt = Date.now();

  const place = () => document.getElementById("pulse");

  function pace() {
    if (place()?.dataset.pace === "quick") return QUICK;
    return Date.now() - touchedAt < LONG ? SLOW : IDLE;
  }

  function schedule() {
    clearTimeout(timer);
    if (!document.hidden && place()) timer = setTimeout(ask, pace());
  }

  function ask() {
    askedAt = Date.now();
    window.htmx.trigger(place(), "pulse");
    schedule();
  }

  for (const name of ["pointerdown", "keydown"]) {
    document.addEventListener(name, () => {
      touchedAt = Date.now();
    }, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - askedAt > 2_000) ask();
    else schedule();
  });
  schedule();
})();
