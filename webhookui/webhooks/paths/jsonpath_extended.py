"""What jsonpath-ng's dialect has and RFC 9535 has not: functions in backquotes, sorting, regular expressions, arithmetic.

A path of the dialect is cut into pieces. Those that RFC 9535 knows are followed by its package, each step that it does not know
by jsonpath-ng, on values for which jsonpath-ng's answer is right; for others the path fails in words. Everything else that
jsonpath-ng would take, and might take to mean something else than was meant, is refused when saved.
"""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext
from typing import Any

from jsonpath_ng.ext import parse as parse_ng
from jsonpath_rfc9535 import JSONPathError
from jsonpath_rfc9535.node import JSONPathNode

from webhookui.webhooks.paths.jsonpath_rfc import compile_query, exact, with_decimals
from webhookui.webhooks.paths.path_error import PathError
from webhookui.webhooks.values import as_text, is_number

Select = Callable[[Any], list[Any]]
OPERATORS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_EXACTLY = Context(prec=1000, traps=[Inexact, InvalidOperation, Overflow])
"""Arithmetic that gives all digits of a result, or fails."""
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
FUNCTIONS = re.compile(r"len|keys|sorted|str\(\)|parent|sub\(/.*/,\s+[^`]*\)|split\([^`]*\)")
MATCHES = re.compile(
    r"""\?\s*(?P<open>\()?\s*(?P<query>@[^=~'"()&|!<>?]*?)\s*=~\s*(?P<quote>['"]).*(?P=quote)\s*(?(open)\))"""
)
SORTS = re.compile(r"[/\\][A-Za-z_][A-Za-z0-9_]*(\s*,\s*[/\\][A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True)
class _Step:
    """One piece: `rfc` is a query of RFC 9535 on each value, `ng` a step of jsonpath-ng on each; or neither: the parent."""

    rfc: Any = None
    ng: Any = None
    prepared: Callable[[Any], Any] = lambda value: value
    """Makes of a value what jsonpath-ng's answer is right for. Raises PathError."""


def compiled(path: str, refused: PathError) -> Select:
    """A function from a document to the values found. Raises `refused` when the path is none of the dialect."""
    try:
        calculation = _calculation(path)
        if calculation is not None:
            return calculation
        steps = list(_steps(path))
    except _NotOfTheDialect:
        raise refused from None
    except Exception as error:  # jsonpath-ng raises bare Exceptions among others
        raise PathError(f"{refused}; and in the extended dialect: {error}", refused.column) from None
    if all(step.rfc is not None for step in steps):
        raise refused
    return lambda document: _follow(steps, document)


class _NotOfTheDialect(Exception):
    pass


def _follow(steps: list[_Step], document: Any) -> list[Any]:
    nodes: list[Any] = [JSONPathNode(value=document, location=(), parent=None, root=document)]
    for step in steps:
        following: list[Any] = []
        for node in nodes:
            if step.rfc is not None:
                following += step.rfc(node)
            elif step.ng is None:
                if node.parent is not None and node.parent not in following:
                    following.append(node.parent)
            else:
                answers = step.ng.find(step.prepared(node.value))
                following += [
                    JSONPathNode(value=answer.value, location=(), parent=None, root=document) for answer in answers
                ]
        nodes = following
    return [node.value for node in nodes]


def _steps(path: str) -> Iterator[_Step]:
    """The pieces of a path, in order. Raises _NotOfTheDialect."""
    if not path.startswith("$"):
        raise _NotOfTheDialect
    start = position = 1
    while position < len(path):
        end, step = _step_at(path, position)
        if step is None:
            position = end
            continue
        if position > start:
            yield _rfc(path[start:position])
        yield step
        start = position = end
    if position > start:
        yield _rfc(path[start:position])


def _step_at(path: str, position: int) -> tuple[int, _Step | None]:
    """(where what begins here ends, the step of the dialect that it is)"""
    if path.startswith(".`", position):
        end = path.find("`", position + 2) + 1
        if not end:
            raise _NotOfTheDialect
        return end, _function(path[position + 2 : end - 1])
    if path[position] == "[":
        end = _closed(path, position)
        inner = path[position + 1 : end - 1].strip()
        if SORTS.fullmatch(inner):
            return end, _Step(ng=parse_ng(f"$[{inner}]"), prepared=_sortable(re.findall(r"\w+", inner)))
        if match := MATCHES.fullmatch(inner):
            compile_query(f"$[?{match['query']}]")  # raises when the query is none
            query = parse_ng(f"$[{_doubled(inner)}]")
            re.compile(query.right.expressions[0].value)  # type: ignore[attr-defined]  # raises when the pattern is none
            return end, _Step(ng=query)
        return end, None
    return position + 1, None


def _closed(path: str, position: int) -> int:
    """Behind the bracket that closes the one at `position`; quotes are looked through."""
    depth, quote = 0, ""
    while position < len(path):
        character = path[position]
        if quote:
            if character == "\\":
                position += 1
            elif character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        elif character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
            if not depth:
                return position + 1
        position += 1
    raise _NotOfTheDialect


def _rfc(piece: str) -> _Step:
    try:
        query = compile_query("$" + piece)
    except JSONPathError:
        raise _NotOfTheDialect from None

    def follow(node: JSONPathNode) -> list[Any]:
        nodes: Any = [node]
        for segment in query.segments:
            nodes = segment.resolve(nodes)
        return list(nodes)

    return _Step(rfc=follow)


def _function(name: str) -> _Step:
    if not FUNCTIONS.fullmatch(name):
        raise _NotOfTheDialect
    if name == "parent":
        return _Step()
    prepared = {"sorted": _sorted, "str": as_text_of_number, "sub": _text, "split": _text}
    ng = parse_ng(f"$.`{_doubled(name)}`")
    return _Step(ng=ng, prepared=prepared.get(name.partition("(")[0], _Step.prepared))


def _doubled(text: str) -> str:
    """Every backslash as two: jsonpath-ng takes one away, and a lone one would vanish from a regular expression."""
    return re.sub(r"\\{1,2}", r"\\\\", text)


def as_text_of_number(value: Any) -> str:
    """A value as the text that JSON has for it, where Python's would be another (True, None, 1e+16)."""
    return str(getattr(value, "digits", None) or as_text(with_decimals(value)))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PathError(f"`sub` and `split` take text; this is “{as_text_of_number(value)[:60]}”.")
    return value


def _sorted(value: Any) -> Any:
    if not isinstance(value, list) or not _comparable(value):
        raise PathError("Only a list of numbers, or one of texts, can be sorted.")
    return with_decimals(value)  # compared by their digits, not as floats


def _sortable(names: list[str]) -> Callable[[Any], Any]:
    def prepared(value: Any) -> Any:
        for name in names:
            fields = [item.get(name) for item in value if isinstance(item, dict)] if isinstance(value, list) else []
            if not isinstance(value, list) or len(fields) != len(value) or not _comparable(fields):
                raise PathError(
                    f"Only a list of objects whose “{name}” are all numbers, or all texts, can be sorted by it."
                )
        return value

    return prepared


def _comparable(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values) or all(is_number(value) for value in values)


def _calculation(path: str) -> Select | None:
    """`A + B` with blanks around the operator, each side a path or a number."""
    for match in re.finditer(r"\s+([-+*])\s+", path):
        sides = path[: match.start()].strip(), path[match.end() :].strip()
        operands = [_operand(side) for side in sides]
        if None not in operands and not all(NUMBER.fullmatch(side) for side in sides):
            return _calculated(match[1], *operands)  # type: ignore[arg-type]
    return None


def _operand(side: str) -> Select | None:
    if NUMBER.fullmatch(side):
        return lambda _document: [Decimal(side)]
    try:
        steps = [_rfc(side[1:])] if side.startswith("$") and len(side) > 1 else None
    except _NotOfTheDialect:
        return None
    return (lambda document: _follow(steps, document)) if steps else None


def _calculated(sign: str, left: Select, right: Select) -> Select:
    def select(document: Any) -> list[Any]:
        sides = [left(document), right(document)]
        if not sides[0] or not sides[1]:
            return []
        if len(sides[0]) != len(sides[1]):
            raise PathError(f"{len(sides[0])} and {len(sides[1])} values can't be combined.")
        if not all(is_number(value) for side in sides for value in side):
            raise PathError("Calculations need numbers.")
        try:
            with localcontext(_EXACTLY):
                return [OPERATORS[sign](exact(number), exact(other)) for number, other in zip(*sides, strict=True)]
        except ArithmeticError:
            raise PathError(f"The result has more than {_EXACTLY.prec} digits.") from None

    return select
