"""Code on pages: coloured, and where its lines are indented, foldable by nested `<details>`, which need no script."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_MOST_LINES = 6000
"""Lines up to which a text is folded; a longer one is shown flat."""
_LEAST = 2
"""Lines that a fold hides at the least."""


def highlighted(text: str, language: str) -> Markup:
    """Code as spans with classes; plain when the language is not known."""
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False)
    except ClassNotFound:
        return escape(text)
    return Markup(highlight(text, lexer, HtmlFormatter(nowrap=True)))  # noqa: S704 - pygments escapes


@dataclass(frozen=True)
class Fold:
    """Lines from `start` (which stays in sight) to `end` (not included), counted from 0."""

    start: int
    end: int


def folds(lines: Sequence[str]) -> list[Fold]:
    """What can be folded, outer before inner: a line, those below it that are indented deeper, and the one that closes it."""
    all_folds: list[Fold] = []
    open_: list[tuple[int, int]] = []  # (line, its depth)
    for number, line in enumerate([*lines, ""]):
        depth = _depth(line) if number < len(lines) else -1
        while open_ and depth <= open_[-1][1]:
            start, above = open_.pop()
            end = number + 1 if depth == above and _closes(line) else number
            if end - start > _LEAST:
                all_folds.append(Fold(start, end))
        if number + 1 < len(lines) and _depth(lines[number + 1]) > depth >= 0:
            open_.append((number, depth))
    return sorted(all_folds, key=lambda fold: (fold.start, -fold.end))


def _closes(line: str) -> bool:
    return line.lstrip().startswith(("}", "]", "</"))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def folded(text: str, language: str) -> Markup:
    """The text as HTML. Its text content is the text itself, so that what is copied is what was sent."""
    plain = text.split("\n")
    coloured = highlighted(text, language).rstrip("\n").split("\n")  # the formatter closes its spans at each line's end
    if len(plain) > _MOST_LINES or len(coloured) != len(plain):
        return Markup("\n").join(Markup(line) for line in coloured)  # noqa: S704 - comes from `highlighted`
    starts = {fold.start: fold for fold in folds(plain)}
    out: list[str] = []
    ends: list[int] = []
    for number, line in enumerate(coloured):
        fold = starts.get(number)
        if fold is None:
            out.append(f"{line}\n")
        else:
            rest = _rest(plain, fold)
            out.append(
                f'<details class="fold" open><summary data-rest="{escape(rest)}">{line}<span class="fold-break">\n</span>'
                "</summary>"
            )
            ends.append(fold.end)
        while ends and ends[-1] == number + 1:
            out.append("</details>")
            ends.pop()
    return Markup("".join(out))  # noqa: S704 - lines come from `highlighted`, which escapes


def _rest(plain: Sequence[str], fold: Fold) -> str:
    """What stands for the folded lines: how many there are, and the line that closes them."""
    last = plain[fold.end - 1]
    hidden = fold.end - fold.start - 1 - _closes(last)
    words = f" … {hidden} line{'s' if hidden != 1 else ''}"
    return f"{words} … {last.strip()}" if _closes(last) else words
