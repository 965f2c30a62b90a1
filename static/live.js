// Live pages: htmx asks, by a poll of adaptive pace, what has moved; the answer's out-of-band swaps are put in place part
// by part, so that scroll, focus, ticked boxes, selected text and open details stay as they are.
//
// Markup: [data-live] polls (hx-trigger="live"). [data-live-row], [data-live-detail] have data-version and are reported as
// "id:version". Their children with data-part are compared and replaced one by one; what has no data-part is left alone.
(() => {
  "use strict";
  if (window.webhookuiLive) return; // a swapped-in page brings the script along once more
  window.webhookuiLive = true;

  const QUICK = 400; // something is under way or changed lately
  const CALM = 800; // still fresh enough that a change shows within a second
  const SLOW = 2500; // nothing has happened for a long time, and nobody has touched the page
  const LATELY = 15_000;
  const LONG = 300_000;
  const IN_HAND = 60_000; // an open detail is being read
  const RECOUNT = 2_000;
  const RETRY_LONGEST = 10_000;
  const MOST_ROWS = 200;

  const shown = new WeakMap(); // element → the server's markup it was made from
  let timer = 0;
  let asked = null; // the poller whose answer is awaited
  let failures = 0;
  let stopped = false;
  let changedAt = Date.now();
  let touchedAt = Date.now();
  let countedAt = 0;
  let pointerMovedAt = 0;
  let pointerInList = false;

  const poller = () => document.querySelector("[data-live]");
  const rows = () => [...document.querySelectorAll("[data-live-row]")];
  const details = () => [...document.querySelectorAll("[data-live-detail]")];

  // ---- pace -------------------------------------------------------------------------------------------------------

  function underWay() {
    const soon = Date.now() + 3_000;
    return [...rows(), ...details()].some(
      (row) =>
        row.dataset.status === "dispatched" || row.dataset.status === "queued" ||
        (row.dataset.due && Date.parse(row.dataset.due) < soon),
    );
  }

  function pace() {
    if (failures) return Math.min(QUICK * 2 ** failures, RETRY_LONGEST);
    const still = Date.now() - changedAt;
    if (still < LATELY) return QUICK;
    if (underWay()) return still < LONG ? QUICK : CALM; // a paused endpoint's backlog may stay queued for hours
    return Math.min(still, Date.now() - touchedAt) < LONG ? CALM : SLOW;
  }

  function schedule(wait = pace()) {
    clearTimeout(timer);
    if (!document.hidden && !stopped && poller()) timer = setTimeout(ask, wait);
  }

  function ask() {
    const live = poller();
    if (!live || asked?.isConnected || document.hidden) return;
    clearTimeout(timer);
    asked = live;
    window.htmx.trigger(live, "live");
  }

  // ---- asking -----------------------------------------------------------------------------------------------------

  const pairs = (elements, key) => elements.map((e) => `${e.dataset[key]}:${e.dataset.version}`).join(",");

  let wanted = false; // the reader asked for what was announced

  // A question that was answered with "nothing", and the state of the database then: asked again with it, the server need
  // not look while that state lasts. Not for ever: "the last hour" moves by itself.
  const LASTS = 30_000;
  let quiet = null; // { question, state, at }
  let question = "";
  let recounted = false;
  let sent; // the state that went along with the question

  function mayFlow() {
    if (wanted) return true;
    const busyPointer = pointerInList && Date.now() - pointerMovedAt < 3_000;
    const list = document.querySelector(".log-list, [data-live-list]");
    const topInView = !list || list.getBoundingClientRect().top > -40;
    const inHand = Date.now() - touchedAt < IN_HAND &&
      document.querySelector("#log-rows :focus:not(input), tr[data-live-panel]");
    return topInView && !busyPointer && !inHand;
  }

  function describe(parameters) {
    const list = rows();
    const counts = document.querySelector("[data-counts]");
    const announced = document.querySelector("[data-announced]");
    parameters.rows = pairs(list, "liveRow");
    parameters.open = pairs(details(), "liveDetail");
    parameters.first = poller().dataset.first || "0";
    parameters.flow = mayFlow() ? "1" : "0";
    wanted = false;
    parameters.announced = announced ? announced.dataset.announced : "0";
    if (counts) parameters.counts = counts.dataset.counts;
    for (const box of document.querySelectorAll("[data-live-token]")) {
      parameters[box.dataset.liveToken] = box.dataset.token;
    }
    question = JSON.stringify([poller().getAttribute("hx-get"), parameters]);
    const same = quiet?.question === question && Date.now() - quiet.at < LASTS;
    sent = same ? quiet.state : undefined;
    if (same) parameters.seen = sent;
    if (counts && (same || Date.now() - countedAt > RECOUNT)) {
      parameters.recount = "1";
      countedAt = Date.now();
    }
    recounted = !counts || parameters.recount === "1";
  }

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target.matches?.("[data-live]")) describe(event.detail.parameters);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.target.matches?.("[data-live]")) return;
    asked = null;
    const { xhr } = event.detail;
    const ended = xhr.responseURL && !new URL(xhr.responseURL).pathname.endsWith("/live");
    if (ended || xhr.status === 401 || xhr.status === 403) {
      stopped = true;
      say("Log in again to go on", "off");
    } else if (xhr.status === 200 || xhr.status === 204) {
      failures = 0;
      if (xhr.status === 200) changedAt = Date.now();
      const state = xhr.getResponseHeader("X-Live-State");
      if (xhr.status === 200 || !state) quiet = null;
      else if (recounted && state !== sent) quiet = { question, state, at: Date.now() };
      say("Live", "on");
    } else {
      failures += 1;
      say("No connection – trying again", "off");
    }
    schedule(wanted ? 0 : pace());
  });

  function say(words, state) {
    for (const box of document.querySelectorAll("[data-live-state]")) {
      box.hidden = false;
      if (box.dataset.liveState === state) continue;
      box.dataset.liveState = state;
      box.querySelector("[data-live-words]").textContent = words;
    }
  }

  // ---- putting in place -------------------------------------------------------------------------------------------

  // A token differs each time, and an opened detail is the reader's business: neither makes a part different.
  function markup(element) {
    const copy = element.cloneNode(true);
    for (const input of copy.querySelectorAll("input[name=csrf_token]")) input.removeAttribute("value");
    for (const box of [copy, ...copy.querySelectorAll("details")]) box.removeAttribute("open");
    return copy.outerHTML;
  }

  function remember(root) {
    const parts = root.querySelectorAll("[data-part]");
    for (const part of parts) if (!shown.has(part)) shown.set(part, markup(part));
  }

  function keepOpen(before, after) {
    const old = new Map([...before.querySelectorAll("details[id]")].map((box) => [box.id, box.open]));
    for (const box of after.querySelectorAll("details[id]")) if (old.has(box.id)) box.open = old.get(box.id);
  }

  const FOCUSABLE = "a, button, input, select, summary";

  function replace(old, fresh) {
    const place = [...old.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    keepOpen(old, fresh);
    old.replaceWith(fresh);
    window.htmx.process(fresh);
    if (place >= 0) [...fresh.querySelectorAll(FOCUSABLE)][place]?.focus({ preventScroll: true });
  }

  function patch(old, fresh) {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "class") old.removeAttribute(name);
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (name === "class" && old.classList.contains("is-open")) old.className = `${value} is-open`;
      else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const wanted = [...fresh.querySelectorAll("[data-part]")];
    const names = new Set(wanted.map((part) => part.dataset.part));
    for (const part of old.querySelectorAll("[data-part]")) if (!names.has(part.dataset.part)) part.remove();
    for (const part of wanted) {
      const now = markup(part);
      const existing = old.querySelector(`[data-part="${part.dataset.part}"]`);
      if (existing && shown.get(existing) === now) continue;
      const copy = part.cloneNode(true);
      shown.set(copy, now);
      if (existing) replace(existing, copy);
      else insert(part, copy, old);
    }
    relative(old);
  }

  // `part` stands in the server's markup and knows its neighbours; `copy` goes to the same place of the page.
  function insert(part, copy, root) {
    const there = (element) => element?.dataset?.part && root.querySelector(`[data-part="${element.dataset.part}"]`);
    let neighbour = part.previousElementSibling;
    while (neighbour && !there(neighbour)) neighbour = neighbour.previousElementSibling;
    const home = part.parentElement?.id ? document.getElementById(part.parentElement.id) : null;
    if (neighbour) there(neighbour).after(copy);
    else (home && root.contains(home) ? home : root).prepend(copy);
    window.htmx.process(copy);
    flash(copy);
  }

  function flow(body, fresh) {
    const incoming = [...fresh.querySelectorAll("[data-live-row]")].reverse();
    const there = new Map(rows().map((row) => [Number(row.dataset.liveRow), row]));
    for (const row of incoming) {
      const id = Number(row.dataset.liveRow);
      if (there.has(id)) continue;
      const older = [...there.keys()].filter((other) => other < id).sort((a, b) => b - a)[0];
      if (older === undefined) body.append(row);
      else there.get(older).before(row);
      there.set(id, row);
      remember(row);
      window.htmx.process(row);
      flash(row);
    }
    document.querySelector("[data-live-empty]")?.removeAttribute("data-live-empty");
    const gap = body.querySelector("[data-live-gap]");
    if (gap) cut(rows().filter((row) => Number(row.dataset.liveRow) < Number(gap.dataset.liveRow)), gap);
    gap?.removeAttribute("data-live-gap");
    cut(rows().slice(MOST_ROWS), rows()[MOST_ROWS - 1]);
    relative(body);
  }

  // A page that is left open for days must not grow for ever, nor hide that it could not keep up; the pager goes on from
  // the last row that is left. What is ticked or open stays.
  function cut(superfluous, last) {
    if (!superfluous.length) return;
    for (const row of superfluous) {
      if (!row.querySelector("input:checked") && !row.classList.contains("is-open")) row.remove();
    }
    for (const next of document.querySelectorAll("[data-live-pager] a[href*='before=']")) {
      const url = new URL(next.href);
      url.searchParams.set("before", last.dataset.liveRow);
      next.href = url.href;
    }
    document.querySelector("[data-live-older]")?.removeAttribute("hidden");
  }

  // A row that the filter no longer matches goes, but not out of the reader's hands or from under the pointer: until it
  // may, it is dimmed.
  function leave() {
    const busyPointer = pointerInList && Date.now() - pointerMovedAt < 3_000;
    for (const row of document.querySelectorAll("[data-live-gone]")) {
      const inHand = row.classList.contains("is-open") || row.querySelector("input:checked") ||
        row.contains(document.activeElement);
      if (!inHand && !busyPointer) row.remove();
    }
    const list = document.querySelector(".log-list");
    if (list && !rows().length) list.setAttribute("data-live-empty", "");
  }

  function flash(element) {
    element.classList.add("live-fresh");
    setTimeout(() => element.classList.remove("live-fresh"), 1_600);
  }

  // An answer to a list that has been left (another filter, another page) says nothing about this one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt } = event.detail.requestConfig;
    if (elt.matches("[data-live]") && !elt.isConnected) event.detail.shouldSwap = false;
  });

  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (target.id === "log-rows" || target.matches?.("[data-live-list]")) {
      event.detail.shouldSwap = false;
      flow(target, fragment);
    } else if (target.matches?.("[data-live-row], [data-live-detail]")) {
      event.detail.shouldSwap = false;
      const fresh = fragment.querySelector("[data-version]");
      const status = target.dataset.status;
      patch(target, fresh);
      if (status !== target.dataset.status) flash(target);
      leave();
    } else if (target.id === "log-tabs") {
      event.detail.shouldSwap = false;
      replace(target, fragment.firstElementChild);
    }
  });

  // "2 new": brought in here, so that nothing open or ticked is lost; more than a page of them is loaded anew.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-live-top]");
    if (!link || link.dataset.liveTop === "load") return;
    event.preventDefault();
    window.scrollTo({ top: 0 });
    wanted = true;
    ask();
  });

  // ---- open details -----------------------------------------------------------------------------------------------

  function openIds() {
    return [...document.querySelectorAll("tr[data-live-panel]")].map((panel) => panel.dataset.livePanel);
  }

  function writeOpen() {
    const url = new URL(window.location.href);
    const open = openIds().join(",");
    if (open) url.searchParams.set("open", open);
    else url.searchParams.delete("open");
    window.history.replaceState(window.history.state, "", url.href.replaceAll("%2C", ","));
  }

  function mark(toggle, open) {
    toggle.setAttribute("aria-expanded", String(open));
    toggle.closest("[data-live-row]")?.classList.toggle("is-open", open);
  }

  document.addEventListener("htmx:confirm", (event) => {
    const toggle = event.target.closest?.("[data-live-toggle]");
    if (!toggle) return;
    const panel = document.getElementById(toggle.dataset.liveToggle);
    if (!panel) return;
    event.preventDefault();
    panel.remove();
    mark(toggle, false);
    writeOpen();
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const toggle = event.detail.requestConfig?.elt;
    if (!toggle?.matches?.("[data-live-toggle]")) return;
    mark(toggle, true);
    writeOpen();
  });

  // A click beside the links of a row opens its detail too; a click that ends a selection of text does not.
  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("[data-live-row]");
    if (!row || event.target.closest("a, button, input, label, select, summary, .log-select")) return;
    if (String(window.getSelection())) return;
    row.querySelector("[data-live-toggle]")?.click();
  });

  // ---- relative times ---------------------------------------------------------------------------------------------

  function span(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60) return `${s} s`;
    if (s < 600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
  }

  function relative(root = document) {
    for (const time of root.querySelectorAll("time[data-countdown]")) {
      const left = (Date.parse(time.dateTime) - Date.now()) / 1000;
      const bare = time.dataset.countdown === "bare";
      const words = left > 0 ? `${bare ? "" : "in "}${span(left)}` : bare ? "a moment" : "due now";
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // ---- life -------------------------------------------------------------------------------------------------------

  for (const name of ["pointerdown", "keydown", "scroll"]) {
    document.addEventListener(name, () => {
      touchedAt = Date.now();
    }, { passive: true, capture: true });
  }
  document.addEventListener("pointermove", (event) => {
    touchedAt = pointerMovedAt = Date.now();
    pointerInList = Boolean(event.target.closest?.("#log-rows, [data-live-list]"));
  }, { passive: true });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return clearTimeout(timer);
    changedAt = Date.now(); // what was missed may be the beginning of more
    relative();
    return ask();
  });
  window.addEventListener("online", () => {
    failures = 0;
    ask();
  });

  function begin(root) {
    remember(root);
    relative(root);
    for (const toggle of document.querySelectorAll("[data-live-toggle]:not([aria-expanded])")) {
      mark(toggle, Boolean(document.getElementById(toggle.dataset.liveToggle)));
    }
    if (!asked?.isConnected) schedule();
  }

  document.addEventListener("htmx:load", (event) => begin(event.detail.elt));
  setInterval(() => {
    relative();
    leave();
  }, 1_000);
  begin(document);
})();
