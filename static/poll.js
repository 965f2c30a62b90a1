// The one poller: log, record, inspector, dashboard and bell ask by it what has moved, through htmx.
//
// Markup: [data-poll="PACE"] with hx-get, hx-trigger="poll" and a swap. A page has one of each pace at most. What it says of
// itself: each [data-poll-tells="NAME"][data-NAME], and what "poll:describe" puts into its `detail`, the parameters. Quick
// while [data-under-way] is in it or beside it, slow when idle, off in a hidden tab. With data-poll-unread it waits while
// somebody has it in hand. [data-live-state] says whether the page is live.
const PACES = {
  // Milliseconds. `lately`: after a change it is quick for so long; `long`: when nothing has moved and nobody has touched
  // the page for so long, it is slow; `lasts`: so long an answer of "nothing" is good.
  stream: { quick: 400, calm: 800, slow: 2_500, lately: 15_000, long: 300_000, lasts: 30_000 },
  charts: { quick: 30_000, calm: 30_000, slow: 30_000, lately: 0, long: 300_000, lasts: 120_000 },
  bell: { quick: 4_000, calm: 20_000, slow: 60_000, lately: 0, long: 600_000, lasts: 0 },
};
const RECOUNT = 2_000; // what is dear to answer is asked no more often
const RETRY_LONGEST = 10_000;

let touchedAt = Date.now();
for (const name of ["pointerdown", "pointermove", "keydown", "scroll"]) {
  document.addEventListener(name, () => (touchedAt = Date.now()), { passive: true, capture: true });
}
export const untouchedFor = () => Date.now() - touchedAt;

function poll(name, { quick, calm, slow, lately, long, lasts }) {
  const place = () => document.querySelector(`[data-poll=${name}]`);
  let timer = 0;
  let asked = null; // the element whose answer is awaited
  let again = false; // it is to be asked once more as soon as that is there
  let askedAt = Date.now();
  let changedAt = Date.now();
  let recountedAt = 0;
  let failures = 0;
  let stopped = false;

  // A question that was answered with "nothing", and the state of the database then: asked again with it, the server need
  // not look while that state lasts. Not for ever: "the last hour" moves by itself.
  let quiet = null; // { question, state, at }
  let question = "";
  let sent; // the state that went along with the question
  let unfolded = []; // in the element that is about to be replaced

  function isUnderWay() {
    const soon = new Date(Date.now() + 3_000).toISOString();
    const marks = place().closest("main")?.querySelectorAll("[data-under-way]") ?? [place()];
    return [...marks].some((mark) => mark.dataset.underWay < soon); // empty, or the time at which it goes on
  }

  function pace() {
    if (failures) return Math.min(quick * 2 ** failures, Math.max(RETRY_LONGEST, slow));
    const still = Date.now() - changedAt;
    if (still < lately) return quick;
    if (isUnderWay() && still < long) return quick; // what waits for a paused endpoint may be there for hours
    return Math.min(still, untouchedFor()) < long ? calm : slow;
  }

  function rest() {
    clearTimeout(timer);
    timer = 0;
  }

  function schedule() {
    rest();
    if (!document.hidden && !stopped && place()) timer = setTimeout(ask, again ? 0 : pace());
  }

  function ask() {
    rest();
    again = Boolean(asked?.isConnected);
    if (!place() || again || document.hidden) return;
    const inHand = place().matches(":hover, :focus-within") || !getSelection().isCollapsed;
    if (place().dataset.pollUnread !== undefined && inHand) return schedule();
    askedAt = Date.now();
    asked = place();
    globalThis.htmx.trigger(asked, "poll");
  }

  document.addEventListener("htmx:configRequest", ({ target, detail: { parameters } }) => {
    if (target !== asked) return;
    const told = target.closest("main")?.querySelectorAll("[data-poll-tells]") ?? [];
    for (const box of told) parameters[box.dataset.pollTells] = box.dataset[box.dataset.pollTells];
    target.dispatchEvent(new CustomEvent("poll:describe", { bubbles: true, detail: parameters }));
    question = JSON.stringify([target.getAttribute("hx-get"), parameters]);
    sent = quiet?.question === question && Date.now() - quiet.at < lasts ? quiet.state : undefined;
    if (sent) parameters.seen = sent;
    if (!sent && Date.now() - recountedAt <= RECOUNT) return;
    parameters.recount = "1";
    recountedAt = Date.now();
  });

  document.addEventListener("htmx:beforeSwap", ({ target }) => {
    if (target === asked) unfolded = [...target.querySelectorAll("details[open]")].map((each) => each.id);
  });

  document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig, xhr } }) => {
    if (requestConfig.elt !== asked) return;
    asked = null;
    for (const id of unfolded.splice(0)) document.getElementById(id)?.setAttribute("open", "");
    const elsewhere = xhr.responseURL && !new URL(xhr.responseURL).pathname.endsWith("/live");
    if (elsewhere || xhr.status === 401 || xhr.status === 403) {
      stopped = true;
      say("Log in again to continue", "off");
    } else if (xhr.status === 200 || xhr.status === 204) {
      failures = 0;
      const state = xhr.getResponseHeader("X-Live-State");
      if (xhr.status === 200) [changedAt, quiet] = [Date.now(), null];
      else if (state && state !== sent && recountedAt >= askedAt) quiet = { question, state, at: Date.now() };
      say("Live", "on");
    } else {
      failures += 1;
      say("No connection – trying again", "off");
    }
    schedule();
  });

  function say(words, state) {
    if (name === "bell") return; // nobody asked for it
    for (const box of document.querySelectorAll("[data-live-state]")) {
      box.hidden = false;
      if (box.dataset.liveState === state) continue;
      box.dataset.liveState = state;
      box.querySelector("[data-live-words]").textContent = words;
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return rest();
    changedAt = Date.now(); // what was missed may be the beginning of more
    if (Date.now() - askedAt > quick) ask();
    else schedule();
  });
  addEventListener("online", () => {
    failures = 0;
    ask();
  });
  if (name === "stream") document.addEventListener("poll:now", ask);
  document.addEventListener("htmx:load", () => timer || asked?.isConnected || schedule()); // a list that came by a swap
  schedule();
}

for (const [name, paces] of Object.entries(PACES)) poll(name, paces);
