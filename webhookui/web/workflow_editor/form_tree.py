"""Forms whose inputs are named by the path in a document: `actions.0.parameters.2.name` (specification section 10).

`nest` makes the nested value of such a form. A name that ends with `[]` is a list of texts (ticked boxes); a level whose
keys are all digits is a list, in the order of its numbers; gaps close up. What contradicts itself (`a` beside `a.b`) keeps
the deeper one: a form can't do that, only a made-up request.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

Draft = dict[str, Any]

LONGEST_INDEX = 6
"""Digits of a row's number."""
MOST_STEPS = 16
"""Steps of a path: no input of a form is named by a longer one, and what a request makes up is not followed for ever."""


def nest(fields: Iterable[tuple[str, Iterable[str]]]) -> Draft:
    """(name, values) pairs of a form as nested dicts and lists of texts, line ends as `\\n`."""
    tree: Draft = {}
    for name, values in fields:
        texts = [value.replace("\r\n", "\n") for value in values]
        path = name.removesuffix("[]").split(".", MOST_STEPS)
        if len(path) > MOST_STEPS:
            continue
        place = tree
        for segment in path[:-1]:
            inner = place.get(segment)
            if not isinstance(inner, dict):
                inner = place[segment] = {}
            place = inner
        if not isinstance(place.get(path[-1]), dict):
            place[path[-1]] = texts if name.endswith("[]") else (texts or [""])[-1]
    nested = _listed(tree)
    return nested if isinstance(nested, dict) else {}


def _index(segment: str) -> int | None:
    """The number of a row, as a path says it."""
    return int(segment) if segment.isascii() and segment.isdigit() and len(segment) <= LONGEST_INDEX else None


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _listed(inner) for key, inner in value.items()}
    if items and all(_index(key) is not None for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items


def at(draft: Any, path: str) -> Any:
    """What stands at a path of a draft; None when nothing does."""
    for segment in path.split("."):
        if isinstance(draft, list):
            position = _index(segment)
            draft = draft[position] if position is not None and position < len(draft) else None
        elif isinstance(draft, Mapping):
            draft = draft.get(segment)
        else:
            return None
    return draft


def edit_rows(draft: Draft, command: str) -> str:
    """Carries out what a row's button asks for: "add:LIST" or "add:LIST:TYPE", "remove:LIST.2", "up:LIST.2" or "down:LIST.2".

    Answers with the path of the row that it was about; "" when the command speaks of nothing that is there.
    """
    verb, _, path = command.partition(":")
    if verb == "add":
        path, _, kind = path.partition(":")
        rows = at(draft, path)
        if not isinstance(rows, list):
            return ""
        rows.append({"type": kind} if kind else {})
        return f"{path}.{len(rows) - 1}"
    parent, _, last = path.rpartition(".")
    rows, position = at(draft, parent), _index(last)
    if not isinstance(rows, list) or position is None or position >= len(rows):
        return ""
    if verb == "remove":
        del rows[position]
        return parent
    other = position + {"up": -1, "down": 1}.get(verb, 0)
    if other == position or not 0 <= other < len(rows):
        return path
    rows[position], rows[other] = rows[other], rows[position]
    return f"{parent}.{other}"


# ---- what templates and documents need of a draft ---------------------------------------------------------------------


def text(value: Any) -> str:
    """A draft's text: what was typed, or the text form of a document's value."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def ticked(value: Any) -> bool:
    """Whether a checkbox is on: its text in a form, true in a document."""
    return value is True or (isinstance(value, str) and value in {"1", "on", "true", "yes"})


def rows_of(value: Any) -> list[Draft]:
    """A list's rows; what is no row is left out."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def dict_of(value: Any) -> Draft:
    return value if isinstance(value, dict) else {}


def texts_of(value: Any) -> list[str]:
    """A list of texts: ticked boxes, or the lines of a text."""
    if isinstance(value, list):
        return [text(item) for item in value]
    return [line.strip() for line in text(value).split("\n") if line.strip()]


def number_or_text(value: Any) -> Any:
    """A plain decimal number; anything else as typed, for the document's check to complain about. None when empty."""
    typed = text(value).strip()
    if not typed:
        return None
    if re.fullmatch(r"\d{1,15}", typed, re.ASCII):
        return int(typed)
    return float(typed) if re.fullmatch(r"\d{0,15}\.\d{1,15}", typed, re.ASCII) else typed
