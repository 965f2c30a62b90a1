"""Jinja's sandbox with nothing in it that fills the memory or holds the process (SPEC section 4.1).

A template is written by an admin, but it runs inside the save of whoever saves a record: whatever it asks for, it must come to
an end, soon, in little memory, and with a sentence.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from datetime import time as time_of_day
from decimal import Context, Decimal, localcontext
from functools import wraps
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.visitor import NodeTransformer

from webhookui import exact_json
from webhookui.webhooks.values import as_text, plain

MAX_OUTPUT = 1_000_000
"""Characters of any text in a template; elements of any list."""
MAX_TIME_S = 3.0
"""Processor time of all the templates of one request."""
MAX_WIDTH = 1000
"""What a text may be padded to, or a number rounded and formatted to."""

TEXT_METHODS = frozenset({
    "capitalize", "casefold", "center", "count", "endswith", "find", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit",
    "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix",
    "removesuffix", "replace", "rfind", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
    "swapcase", "title", "upper", "zfill",
})  # fmt: skip
DATE_METHODS = frozenset({"ctime", "date", "isocalendar", "isoformat", "isoweekday", "strftime", "time", "timestamp", "toordinal",
                          "total_seconds", "weekday"})  # fmt: skip
DATE_PARTS = frozenset({"year", "month", "day", "hour", "minute", "second", "days", "seconds"})
LIST_METHODS = frozenset({"count", "index"})
METHODS: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    (str, TEXT_METHODS),
    ((date, time_of_day, timedelta), DATE_METHODS),
    ((list, tuple), LIST_METHODS),
    (LoopContext, frozenset({"changed", "cycle"})),
)
"""What can be called, by the type that it belongs to."""

STATEMENTS = (nodes.Output, nodes.If, nodes.For, nodes.Assign, nodes.Scope)
"""What may stand between {% and %}: if, for and set."""
LEFT_OUT_FILTERS = ("indent", "wordwrap", "urlize", "pprint", "xmlattr", "random")
EXACT = Context(prec=34)
"""Decimal arithmetic: every amount that a field can hold, and four digits more (IEEE 754 decimal128)."""


class _Budget(threading.local):
    end: float | None = None


_budget = _Budget()


@contextmanager
def limited() -> Iterator[None]:
    """All rendering inside has MAX_TIME_S of processor time together."""
    if _budget.end is not None:
        yield
        return
    _budget.end = time.thread_time() + MAX_TIME_S
    try:
        with localcontext(EXACT):
            yield
    finally:
        _budget.end = None


def _go_on() -> None:
    if _budget.end is not None and time.thread_time() > _budget.end:
        raise SecurityError("it takes too long.")


def _fits(value: Any) -> Any:
    """The value, unless it is too long."""
    if isinstance(value, str | list | tuple) and len(value) > MAX_OUTPUT:
        raise SecurityError(f"the text gets longer than {MAX_OUTPUT} characters.")
    return value


def bounded(value: Any) -> Any:
    """A JSON value, unless it is too large as a whole."""
    if isinstance(value, str):
        return _fits(value)
    if isinstance(value, list | dict):
        _fits(exact_json.dumps(value))
    return value


class Sandbox(ImmutableSandboxedEnvironment):
    """`finalize` makes the piece of output out of the value of a placeholder."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})

    def __init__(self, finalize: Callable[[Any], Any] | None = None) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, finalize=finalize)
        self.globals.clear()
        for name in LEFT_OUT_FILTERS:
            del self.filters[name]
        self.filters |= {
            "tojson": lambda value: JsonText(exact_json.dumps(plain(value))),
            "string": as_text,
            "replace": _replace,
            "join": _joining(self.filters["join"]),
            "format": _format,
            "round": _round,
            "center": lambda value, width=80: as_text(value).center(_width(width)),
            "batch": _narrow(self.filters["batch"]),
            "slice": _narrow(self.filters["slice"]),
        }
        self.filters = {name: _watched(each) for name, each in self.filters.items()}
        self.filters |= {"(pieces)": _joined, "(turns)": _turns}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return watched(super()._parse(source, name, filename))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What is behind an empty reference is empty; a record has fields, no methods; a number has neither."""
        if obj is None:
            return None
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, date | time_of_day | timedelta | LoopContext) and not attribute.startswith("_"):
            return super().getattr(obj, attribute)
        if any(isinstance(obj, kind) and attribute in names for kind, names in METHODS):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute) if attribute.startswith("_") else self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if obj is None:
            return None
        return self.getattr(obj, argument) if isinstance(argument, str) else super().getitem(obj, argument)

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        _go_on()
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if not any(isinstance(owner, kind) and name in names for kind, names in METHODS):
            raise SecurityError("there is nothing to call here.")
        if isinstance(owner, str):
            if name == "replace":
                return _replace(owner, *args, **kwargs)
            if name == "join":
                return _join(owner, *args)
            if name in ("center", "ljust", "rjust", "zfill"):
                _width(args[0] if args else kwargs.get("width", 0))
        return _fits(obj(*args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _go_on()
        if operator == "**" and not (_is_small(left, 10**6) and _is_small(right, 100)):
            raise SecurityError("these numbers are too large for **.")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("write placeholders instead of % in a text.")
        if operator == "*" and not (_is_number(left) and _is_number(right)):
            raise SecurityError("only numbers can be multiplied.")
        if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            return _fits(left + right) if len(left) + len(right) <= MAX_OUTPUT else _fits([*left, *right])  # type: ignore[operator]
        if _is_number(left) and _is_number(right) and isinstance(left, Decimal) != isinstance(right, Decimal):
            left, right = _exact(left), _exact(right)
        result = super().call_binop(context, operator, left, right)
        return plain(result) if _is_number(result) else result


class JsonText(str):
    """What `tojson` gives: text that is JSON already."""

    __slots__ = ()


class _Watch(NodeTransformer):
    """Puts a watch where Jinja offers no place for one: at `~`, and at every turn of a loop."""

    def visit_Concat(self, node: nodes.Concat, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        pieces = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(pieces, "(pieces)", [], [], None, None, lineno=node.lineno)

    def visit_For(self, node: nodes.For, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "(turns)", [], [], None, None, lineno=node.lineno)
        return node


def watched(tree: nodes.Template) -> nodes.Template:
    """The tree with watches in it."""
    watched_tree: nodes.Template = _Watch().visit(tree)
    if tree.environment is not None:
        watched_tree.set_environment(tree.environment)
    return watched_tree


def unoffered_statement(tree: nodes.Template) -> str:
    """The name of a statement that is not offered (macros, blocks, includes, …); empty when there is none."""
    for node in tree.find_all(nodes.Stmt):
        if not isinstance(node, STATEMENTS) or (isinstance(node, nodes.For) and node.recursive):
            return {
                "CallBlock": "call",
                "FilterBlock": "filter",
                "AssignBlock": "set … endset",
                "FromImport": "from",
            }.get(type(node).__name__, type(node).__name__.lower())
    return ""


def _watched(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        _go_on()
        return _fits(original(*args, **kwargs))

    return filtered


def _turns(values: Iterable[Any]) -> Iterator[Any]:
    for value in values if values is not None else ():
        _go_on()
        yield value


def _joined(pieces: Iterable[Any]) -> str:
    _go_on()
    return _join("", pieces)


def _join(separator: Any, values: Iterable[Any]) -> str:
    texts: list[str] = []
    between, length = as_text(separator), 0
    for value in values:
        _go_on()
        texts.append(as_text(value))
        length += len(texts[-1]) + len(between)
        if length > MAX_OUTPUT + len(between):
            _fits("x" * (MAX_OUTPUT + 1))
    return between.join(texts)


def _joining(original: Callable[..., Any]) -> Callable[..., Any]:
    """Jinja's join, the texts of its elements added up first."""

    @wraps(original)
    def join(first: Any, value: Iterable[Any], d: str = "", attribute: Any = None) -> Any:
        values = list(islice(value, MAX_OUTPUT))
        if attribute is None:
            return _join(d, values)
        return original(first, values[:MAX_WIDTH], d, attribute)

    return join


def _replace(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = as_text(value), as_text(old), as_text(new)
    times = text.count(old) if count is None or count < 0 else min(count, text.count(old))
    if len(text) + times * (len(new) - len(old)) > MAX_OUTPUT:
        _fits("x" * (MAX_OUTPUT + 1))
    return text.replace(old, new, times)


_SPECIFIED = re.compile(r"%(?P<flags>[#0\- +]*)(?P<width>\d*)(?:\.(?P<places>\d+))?(?P<kind>[A-Za-z%])")


def _format(value: Any, *args: Any, **kwargs: Any) -> str:
    """printf's formats, exact for decimals: `{{ "%.2f" | format(amount) }}`."""
    source = as_text(value)
    if kwargs or "%(" in source or re.search(r"%[^A-Za-z%]*\*", source):
        raise SecurityError("format takes values in their order, with widths written out.")
    left = iter(args)

    def one(match: re.Match[str]) -> str:
        if match["kind"] == "%":
            return "%"
        for digits in (match["width"], match["places"]):
            _width(int(digits or 0))
        try:
            given = next(left)
        except StopIteration:
            raise SecurityError("format has fewer values than formats.") from None
        if match["kind"] in "fF" and _is_number(given):
            sign = "+" if "+" in match["flags"] else " " if " " in match["flags"] else ""
            text = format(_exact(given), f"{sign}.{match['places'] or 6}f")
            width = int(match["width"] or 0)
            return (
                text.ljust(width)
                if "-" in match["flags"]
                else text.zfill(width)
                if "0" in match["flags"]
                else text.rjust(width)
            )
        return str(match[0] % (as_text(given) if match["kind"] in "sr" else given))

    return _SPECIFIED.sub(one, source)


def _round(value: Any, precision: int = 0, method: str = "common") -> Decimal:
    """Rounds exactly. Methods: common (half to even, as Python's round), ceil, floor."""
    rounding = {"common": "ROUND_HALF_EVEN", "ceil": "ROUND_CEILING", "floor": "ROUND_FLOOR"}[method]
    places = int(precision)
    if not -MAX_WIDTH < places < MAX_WIDTH:
        raise SecurityError("that precision is too large.")
    rounded = _exact(value).quantize(Decimal(1).scaleb(-places), rounding=rounding)
    return rounded if places >= 0 else rounded.quantize(Decimal(1))


def _narrow(original: Callable[..., Any]) -> Callable[..., Any]:
    """batch and slice with a number that is not too large."""

    @wraps(original)
    def narrow(value: Any, number: int, fill_with: Any = None) -> Any:
        return original(value, _width(number), fill_with)

    return narrow


def _width(number: Any) -> int:
    if not isinstance(number, int) or number > MAX_WIDTH:
        raise SecurityError(f"a width is a number up to {MAX_WIDTH}.")
    return number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal)


def _is_small(value: Any, most: int) -> bool:
    return _is_number(value) and abs(value) <= most


def _exact(value: Any) -> Decimal:
    if not _is_number(value):
        raise SecurityError(f"“{as_text(value)[:40]}” is no number.")
    return value if isinstance(value, Decimal) else Decimal(str(value))
