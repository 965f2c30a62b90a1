"""Dot notation: parameter names as places in a nested value (specification section 4.2).

A segment of digits is an index, indexes start at 0 and leave no gap; `\\.` is a literal dot, `\\\\` a backslash, and a backslash
before digits makes them a key. Any other backslash is one. Ten digits and more are a key.

What names can't express: an empty key, a key with blanks around it (they are taken off what people type) or with a control
character (a form's input holds no line break), a place more than MAX_DEPTH parts deep, and an empty list or object; the value
of a row of type JSON can.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Segment = str | int
MAX_DEPTH = 32


class NamingError(Exception):
    """Names that can't stand together; `position` is the row of the offending one."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def split(name: str) -> tuple[Segment, ...]:
    """The segments of a name. Raises ValueError with a sentence for an empty segment or too many."""
    parts: list[str] = [""]
    literal = [False]
    characters = iter(name)
    for character in characters:
        if character == "\\":
            following = next(characters, "\\")
            parts[-1] += following if following in ".\\0123456789" else character + following
            literal[-1] = True
        elif character == ".":
            parts.append("")
            literal.append(False)
        else:
            parts[-1] += character
    if not all(parts):
        raise ValueError(f"“{name}” has an empty part between its dots.")
    if len(parts) > MAX_DEPTH:
        raise ValueError(f"A name has at most {MAX_DEPTH} parts.")
    return tuple(
        int(part) if part.isascii() and part.isdecimal() and not escaped and len(part) < 10 else part
        for part, escaped in zip(parts, literal, strict=True)
    )


def is_expressible(key: str) -> bool:
    """Whether a key of an object can be a segment of a name that people type."""
    return bool(key) and key == key.strip() and not any(character < " " for character in key)


def join(segments: Sequence[Segment]) -> str:
    """The name of a place; the inverse of `split`."""
    return ".".join(str(segment) if isinstance(segment, int) else _escaped(segment) for segment in segments)


def _escaped(key: str) -> str:
    text = key.replace("\\", "\\\\").replace(".", "\\.")
    return "\\" + text if key.isascii() and key.isdecimal() and len(key) < 10 else text


@dataclass(slots=True)
class _Node:
    """A place in the making: children by segment, or a leaf that some row fills. `name`, `row`: which spoke of it first."""

    name: str = ""
    row: int = 0
    leaf: bool = False
    children: dict[Segment, "_Node"] = field(default_factory=dict)


def check(names: Sequence[str], repeatable: int = 0) -> list[NamingError]:
    """What is wrong with the names of one list of rows: duplicates, a place beside its parts, gaps. In the rows' order.

    `repeatable`: so many of them, from the first, may stand there again, unless they say by an index which one they are.
    """
    errors: list[NamingError] = []
    root = _Node()
    for row, name in enumerate(names):
        try:
            segments = split(name)
        except ValueError as error:
            errors.append(NamingError(str(error), row))
            continue
        may_repeat = row < repeatable and not any(isinstance(segment, int) for segment in segments)
        if problem := _place(root, name, row, segments, may_repeat=may_repeat):
            errors.append(NamingError(problem, row))
    return sorted([*errors, *_gaps(root, ())], key=lambda error: error.position)


def _place(root: _Node, name: str, row: int, segments: Sequence[Segment], *, may_repeat: bool) -> str:
    node = root
    for depth, segment in enumerate(segments):
        if node.leaf:
            return f"“{name}” can't be combined with “{node.name}”: that is a value and can't have parts."
        kinds = {isinstance(key, int) for key in node.children}
        if kinds and isinstance(segment, int) not in kinds:
            other = next(iter(node.children.values())).name
            return f"“{name}” can't be combined with “{other}”: the same place can't be a list and an object."
        node = node.children.setdefault(segment, _Node(name, row))
        if depth == len(segments) - 1:
            if node.leaf and may_repeat:
                return ""
            if node.leaf:
                return f"“{name}” is listed twice."
            if node.children:
                inner = next(iter(node.children.values())).name
                return f"“{name}” can't be combined with “{inner}”: a value can't have parts."
            node.leaf = True
    return ""


def _gaps(node: _Node, path: tuple[Segment, ...]) -> Iterator[NamingError]:
    indexes = sorted(key for key in node.children if isinstance(key, int))
    for expected, index in enumerate(indexes):
        if index != expected:
            place, before = join((*path, index)), join((*path, expected))
            words = f"“{place}” leaves a gap: “{before}” is missing. Indexes start at 0."
            yield NamingError(words, node.children[index].row)
            break
    for key, child in node.children.items():
        yield from _gaps(child, (*path, key))


LEFT_OUT = object()
"""Stands for a row that is left out because it is empty."""


def nest(rows: Iterable[tuple[Sequence[Segment], Any]]) -> Any:
    """The nested value that the rows (place, value) describe: an object, or a list when the first segments are indexes.

    A list closes up over elements that were left out.
    """
    root = _Branch()
    for segments, value in rows:
        if value is LEFT_OUT:
            continue
        node = root
        for segment in segments[:-1]:
            node = node.setdefault(segment, _Branch())
        node[segments[-1]] = value
    return _finished(root)


class _Branch(dict[Segment, Any]):
    """An object or list in the making; a plain dict is a value that a row brought along."""


def _finished(value: Any) -> Any:
    if not isinstance(value, _Branch):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_finished(value[key]) for key in sorted(value)]
    return {str(key): _finished(inner) for key, inner in value.items()}
