// The board: cards are dragged with the mouse, moved by keyboard, or by the menu of a card, which a touch screen has as well.
// Each is the same request; live.js puts the answer in place, as it does the refresh that brings what others moved.
import { onClick } from "../app.js";

const IN_HAND = 1_500; // so long after the pointer moved over the board, nothing moves under it
const { htmx } = globalThis;

let dragged = null; // the card in hand
let pointerMovedAt = 0;
let pollSentAt = 0;
let moving = 0; // requests under way
let movedAt = 0;

const columnOf = (element) => element?.closest?.("[data-column]");
const isTarget = (column) => column?.dataset.target !== undefined && column !== columnOf(dragged);

function move(card, column) {
  const values = { to: column.dataset.column, version: card.dataset.version };
  htmx.ajax("POST", card.querySelector(".card-move").href, { source: card, target: "#board", swap: "none", values });
}

// ---- a move's way to the server and back --------------------------------------------------------------------------

const movedBy = ({ requestConfig: { verb, path } }) => verb === "post" && path.match(/\/board\/(\d+)\/move\b/)?.[1];

document.addEventListener("htmx:beforeRequest", ({ detail }) => (moving += movedBy(detail) ? 1 : 0));

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const id = movedBy(detail);
  if (!id) return;
  moving -= 1;
  movedAt = Date.now();
  document.getElementById("board-menu").close();
  document.querySelector(`#card-${id} .card-name`)?.focus();
});

// ---- by the mouse -------------------------------------------------------------------------------------------------

function mark(column) {
  for (const each of document.querySelectorAll(".board-column.is-over")) {
    each.classList.toggle("is-over", each === column);
  }
  column?.classList.add("is-over");
}

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-card]") ?? null;
  if (!dragged) return;
  const box = dragged.getBoundingClientRect();
  event.dataTransfer.setDragImage(dragged, event.clientX - box.left, event.clientY - box.top);
  event.dataTransfer.effectAllowed = "move";
  dragged.classList.add("is-dragged");
});

document.addEventListener("dragover", (event) => {
  if (!dragged) return;
  const column = columnOf(event.target);
  if (isTarget(column)) event.preventDefault();
  mark(isTarget(column) ? column : null);
});

document.addEventListener("drop", (event) => {
  const column = columnOf(event.target);
  if (!dragged || !isTarget(column)) return;
  event.preventDefault();
  move(dragged, column);
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("is-dragged");
  dragged = null;
  mark(null);
});

// ---- by keyboard --------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const card = event.target.closest?.("[data-card]");
  const [sideways, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ??
    [];
  if (!card || sideways === undefined || event.ctrlKey || event.altKey || event.metaKey || (event.shiftKey && down)) {
    return;
  }
  event.preventDefault();
  const columns = [...document.querySelectorAll("[data-column]")];
  const at = columns.indexOf(columnOf(card));
  const following = sideways > 0 ? columns.slice(at + 1) : columns.slice(0, at).reverse();
  if (event.shiftKey) {
    const column = following.find((each) => each.dataset.target !== undefined);
    if (column && !moving) move(card, column);
  } else {
    const next = down
      ? card[down > 0 ? "nextElementSibling" : "previousElementSibling"]
      : following.map((each) => each.querySelector("[data-card]")).find(Boolean);
    next?.querySelector(".card-name").focus();
  }
});

// ---- by the menu --------------------------------------------------------------------------------------------------

document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "board-choice") target.closest("dialog").showModal();
});

onClick({ "[data-board-close]": (button) => button.closest(".note").remove() });

// ---- what others move ---------------------------------------------------------------------------------------------

document.addEventListener("pointermove", ({ target }) => {
  if (target.closest?.("#board")) pointerMovedAt = Date.now();
}, { passive: true });

const isPoll = (element) => element?.matches?.("[data-poll=stream]");

document.addEventListener("htmx:beforeSend", ({ detail }) => {
  if (isPoll(detail.elt)) pollSentAt = Date.now();
});

// An answer that would move what is in hand, or that is older than a move, waits: the next question is answered anew.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!isPoll(detail.requestConfig.elt)) return;
  const inHand = dragged || moving || Date.now() - pointerMovedAt < IN_HAND;
  if (inHand || pollSentAt <= movedAt) detail.shouldSwap = false;
});
