// Foldable bodies are <details> and need no script. With it, a body has one tab stop, arrows go from fold to fold, and
// "Fold" closes all but the outermost.
import { onClick } from "./app.js";

const folds = (body) => [...body.querySelectorAll("summary")];

document.addEventListener("focusin", (event) => {
  const summary = event.target.closest?.("[data-folds] summary");
  if (!summary) return;
  for (const each of folds(summary.closest("[data-folds]"))) each.tabIndex = each === summary ? 0 : -1;
});

document.addEventListener("keydown", (event) => {
  const summary = event.target.closest?.("[data-folds] summary");
  if (!summary || event.ctrlKey || event.altKey || event.metaKey) return;
  const all = folds(summary.closest("[data-folds]")).filter((each) => each.checkVisibility());
  const at = all.indexOf(summary);
  const box = summary.parentElement;
  const next = { ArrowDown: all[at + 1], ArrowUp: all[at - 1], Home: all[0], End: all.at(-1) };
  if (event.key in next) next[event.key]?.focus();
  else if (event.key === "ArrowLeft" && box.open) box.open = false;
  else if (event.key === "ArrowRight" && !box.open) box.open = true;
  else return;
  event.preventDefault();
});

onClick({
  "[data-fold-all]"(button) {
    const inner = document.querySelectorAll(`#${CSS.escape(button.dataset.foldAll)} details details`);
    const open = ![...inner].some((box) => box.open);
    for (const box of inner) box.open = open;
  },
});
