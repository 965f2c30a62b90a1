// A list of options that is worked from a text input: arrow keys go through it, Enter takes the marked one, or the first.
// Tells whether the key was one of the list's.
export function listKey(event, options, mark, choose) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!options.length || !(step || event.key === "Enter")) return false;
  const at = options.findIndex((option) => option.matches(".is-marked, [aria-selected=true]"));
  event.preventDefault();
  if (step) mark(options.at((at < 0 && step < 0 ? step : at + step) % options.length));
  else choose(options[Math.max(at, 0)]);
  return true;
}
