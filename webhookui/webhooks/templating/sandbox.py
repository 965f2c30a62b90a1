"""Jinja's sandbox with nothing in it that fills the memory or holds the process (specification section 4.1).

A template is written by an admin, but it runs inside the save of whoever saves a record: whatever it asks for, it must come to
an end, soon, in little memory, and with a sentence. Only what is in a list here can be said at all: kinds of nodes, filters
(`webhooks.filters`), tests and methods. Wherever a value is made, it is charged to the budget (`webhooks.budget`).
"""

import operator
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from functools import wraps
from math import isfinite
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2 import filters as jinja
from jinja2.compiler import CodeGenerator
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.visitor import NodeTransformer

from webhookui.core import exact_json
from webhookui.webhooks.templating.budget import MAX_OUTPUT, fits, go_on, is_record, listed, size_of, take, text_fits
from webhookui.webhooks.templating.filters import (
    FILTERS,
    KINDS,
    comparable,
    exact,
    joined,
    kind_of,
    needle,
    offered,
    within,
)
from webhookui.webhooks.templating.reasons import used
from webhookui.webhooks.values import as_text, is_number, plain

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
PARTS: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    ((date, time_of_day, timedelta), DATE_PARTS),
    (jinja._GroupTuple, frozenset({"grouper", "list"})),
    (LoopContext, frozenset({"depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem",
                             "revindex", "revindex0"})),
)  # fmt: skip
"""What else can be looked up."""
STRFTIME = re.compile(r"(?:[^%]|%[-_0^#]?[aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%])*")

_BLANKS = "\x1d\x1e\x1f\x1c\x85\u2028\u2029\u1680\u205f"
"""Characters that are blanks between the words of a template, one of which stands for a carriage return while it is read."""

STATEMENTS = (nodes.Output, nodes.If, nodes.For, nodes.Assign, nodes.Scope)
"""What may stand between {% and %}: if, for and set."""
EXPRESSIONS = (
    nodes.Const, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call, nodes.Filter, nodes.Test,
    nodes.BinExpr, nodes.UnaryExpr, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.List, nodes.Tuple, nodes.Dict,
)  # fmt: skip
PARTS_OF_EXPRESSIONS = (nodes.Template, nodes.Operand, nodes.Keyword, nodes.Pair)
WORDS_OF = {
    "CallBlock": "call",
    "FilterBlock": "filter",
    "AssignBlock": "set … endset",
    "FromImport": "from",
    "NSRef": "set a.b",
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "gteq": operator.ge, "lt": operator.lt, "lteq": operator.le,
    "in": lambda left, right: _contains(right, left), "notin": lambda left, right: not _contains(right, left),
}  # fmt: skip
TESTS_THAT_COMPARE = {
    "eq": "eq", "equalto": "eq", "==": "eq", "ne": "ne", "!=": "ne", "gt": "gt", "greaterthan": "gt", ">": "gt", "ge": "gteq",
    ">=": "gteq", "lt": "lt", "lessthan": "lt", "<": "lt", "le": "lteq", "<=": "lteq", "in": "in",
}  # fmt: skip


def bounded(value: Any) -> Any:
    """A JSON value, unless it is too large as a whole."""
    if isinstance(value, str):
        text_fits(len(value))
    elif isinstance(value, list | dict):
        text_fits(len(exact_json.dumps(value)))
    take(size_of(value))
    return value


class ComputesNothing(CodeGenerator):
    """Computes nothing while it compiles: that would be outside of any budget."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


class Sandbox(ImmutableSandboxedEnvironment):
    """`finalize` makes the piece of output out of the value of a placeholder."""

    code_generator_class = ComputesNothing
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self, finalize: Callable[[Any], Any] | None = None) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, finalize=finalize, optimized=False
        )
        self.globals.clear()
        self.filters = {name: offered(name, filter_) for name, filter_ in FILTERS.items()}
        self.filters |= {
            "(made)": fits, "(key)": _key, "(number)": lambda text: Decimal(text), "(pieces)": _pieces,
            "(turns)": _turns, "(slice)": _slice, "(compare)": _compare,
        }  # fmt: skip
        self.tests = {
            name: _watched(cast(Any, test)) for name, test in self.tests.items() if name not in ("callable", "escaped")
        }
        self.tests |= {name: _comparing(kind) for name, kind in TESTS_THAT_COMPARE.items()}

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Watch().visit(source).set_environment(self), *args, **kwargs)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """With every line break as it was typed: Jinja makes line feeds of carriage returns."""
        blank = next((candidate for candidate in _BLANKS if candidate not in source), "") if "\r" in source else ""
        tree = super()._parse(source.replace("\r", blank) if blank else source, name, filename)
        for node in tree.find_all((nodes.TemplateData, nodes.Const)) if blank else ():
            text = "data" if isinstance(node, nodes.TemplateData) else "value"
            if isinstance(getattr(node, text), str):
                setattr(node, text, getattr(node, text).replace(blank, "\r"))
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What is behind an empty reference is empty; a record has fields, no methods; a number has neither."""
        go_on()
        if obj is None:
            return None
        if attribute.startswith("_"):
            return self.unsafe_undefined(obj, attribute)
        if isinstance(obj, Undefined):
            str(obj)  # raises in the words of what is missing
        if is_record(obj) or isinstance(obj, dict):
            return obj[attribute] if attribute in obj else self._missing(attribute)
        if any(isinstance(obj, kind) and attribute in names for kind, names in (*METHODS, *PARTS)):
            return getattr(obj, attribute, self._missing(attribute))
        return self._missing(attribute)

    def _missing(self, name: object) -> Undefined:
        return self.undefined(hint=f"there is no “{name}” in this value.", name=str(name))

    def getitem(self, obj: Any, argument: Any) -> Any:
        go_on()
        if obj is None or argument is None or (isinstance(argument, int) and obj in ("", [], ())):
            return None
        if isinstance(argument, str) or is_record(obj) or isinstance(obj, dict):
            return self.getattr(obj, as_text(argument))
        if isinstance(obj, str | list | tuple) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self._missing(as_text(argument))

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        go_on()
        if obj is None:
            return None  # a method of what is absent
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if not any(isinstance(owner, kind) and name in names for kind, names in METHODS):
            raise SecurityError("there is nothing to call here.")
        with used(f"“.{name}()”"):
            return self._called(obj, owner, name, *args, **kwargs)

    def _called(self, obj: Any, owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        for name_of_loop in ("_loop_vars", "_block_vars"):
            kwargs.pop(name_of_loop, None)
        if isinstance(owner, str):
            args = tuple(None if arg is None else as_text(arg) if is_record(arg) else arg for arg in args)
            if name in ("replace", "join"):
                return fits(self.filters[name](owner, *args, **kwargs) if name == "replace" else joined(owner, *args))
            if name in ("center", "ljust", "rjust", "zfill"):
                within(args[0] if args else kwargs.get("width", 0))
            for arg in (*args, *kwargs.values()):
                needle(arg)
        if name == "strftime" and not STRFTIME.fullmatch(needle(args[0] if args else "")):
            raise SecurityError("strftime has no such code.")
        return fits(obj(*args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        go_on()
        if operator == "+" and _adds_texts(left, right):
            return _added(left, right)
        if left is None or right is None:
            return None
        if operator == "**" and not (_is_small(left, 10**6) and _is_small(right, 100)):
            raise SecurityError("these numbers are too large for **.")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("write placeholders instead of % in a text.")
        if operator == "*" and not (is_number(left) and is_number(right)):
            raise SecurityError("only numbers can be multiplied.")
        if is_number(left) and is_number(right) and not (isinstance(left, int) and isinstance(right, int)):
            left, right = exact(left), exact(right)
        try:
            result = super().call_binop(context, operator, left, right)
        except TypeError:
            left_kind, right_kind = (KINDS.get(kind_of(operand), "this") for operand in (left, right))
            advice = "; write ~ to join texts" if operator == "+" else ""
            raise SecurityError(f"{operator} does not work between {left_kind} and {right_kind}{advice}.") from None
        return plain(result) if is_number(result) else result

    def call_unop(self, context: Any, operator: str, arg: Any) -> Any:
        if arg is not None and not is_number(arg):
            raise SecurityError(f"{operator} does not work before {KINDS.get(kind_of(arg), 'this')}.")
        return None if arg is None else super().call_unop(context, operator, arg)


class _Watch(NodeTransformer):
    """Puts a watch wherever a value is made or compared without asking the sandbox."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        visited: nodes.Node = super().generic_visit(node, *args, **kwargs)
        watch = _WATCHES.get(type(visited))
        return watch(visited) if watch else visited

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        node.expr2 = node.expr2 or _const(None, node)
        return self.generic_visit(node)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _by("(turns)", node.iter)
        return node


def _by(name: str, node: Any, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


def _const(value: object, beside: nodes.Node) -> nodes.Const:
    return nodes.Const(value, lineno=beside.lineno)


def _sliced(node: nodes.Getitem) -> nodes.Node:
    if not isinstance(node.arg, nodes.Slice):
        return node
    ends = (node.arg.start, node.arg.stop, node.arg.step)
    return _by("(slice)", node.node, *(end or _const(None, node) for end in ends))


def _compared(node: nodes.Compare) -> nodes.Node:
    return _by("(compare)", node.expr, *(part for op in node.ops for part in (_const(op.op, node), op.expr)))


_WATCHES: dict[type[nodes.Node], Callable[[Any], nodes.Node]] = {
    nodes.Const: lambda node: _by("(number)", _const(repr(node.value), node)) if type(node.value) is float else node,
    nodes.List: lambda node: _by("(made)", node),
    nodes.Tuple: lambda node: _by("(made)", node) if node.ctx == "load" else node,
    nodes.Dict: lambda node: _by("(made)", node),
    nodes.Pair: lambda node: nodes.Pair(_by("(key)", node.key), node.value, lineno=node.lineno),
    nodes.Concat: lambda node: _by("(pieces)", nodes.List(node.nodes, lineno=node.lineno)),
    nodes.Getitem: _sliced,
    nodes.Compare: _compared,
}
"""Kind of node, its parts being watched already → what stands in its place."""


def unoffered(tree: nodes.Template) -> str:
    """A sentence about what in the template is not offered (macros, blocks, includes, …); empty when there is none."""
    for node in tree.find_all(nodes.Node):
        name = WORDS_OF.get(type(node).__name__, type(node).__name__.lower())
        if isinstance(node, nodes.Stmt):
            if not isinstance(node, STATEMENTS) or (isinstance(node, nodes.For) and node.recursive):
                return f"“{{% {name} %}}” is not available here; if, for and set are."
        elif not isinstance(node, EXPRESSIONS + PARTS_OF_EXPRESSIONS):
            return f"“{name}” is not available here."
        elif isinstance(node, nodes.Const) and isinstance(node.value, float) and not isfinite(node.value):
            return "A number is too large."
    return ""


def _watched(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def tested(*args: Any, **kwargs: Any) -> Any:
        go_on()
        return original(*args, **kwargs)

    return tested


def _comparing(kind: str) -> Callable[..., Any]:
    return lambda value, other: _compare(value, kind, other)


def _compare(first: Any, *rest: Any) -> bool:
    """A chain of comparisons. An absent value is neither less nor more than anything, and in nothing."""
    left = first
    for kind, right in zip(rest[::2], rest[1::2], strict=True):
        go_on()
        take(size_of(left) + size_of(right))
        left_side, right_side = _alike(left, right)
        if kind not in ("eq", "ne") and (left_side is None or right_side is None):
            if kind != "notin":
                return False
        elif not COMPARISONS[kind](left_side, right_side):
            return False
        left = right
    return True


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as they compare: a date, a time or a record beside a text is what the product writes for it."""
    left, right = comparable(left), comparable(right)
    if isinstance(left, str) and isinstance(right, date):
        right = as_text(right)
    if isinstance(right, str) and isinstance(left, date):
        left = as_text(left)
    return left, right


def _contains(container: Any, value: Any) -> bool:
    if isinstance(container, list | tuple):
        return any(element == value for element in map(comparable, container))
    if isinstance(container, dict):
        return as_text(value) in container
    return as_text(value) in as_text(container)


def _adds_texts(left: Any, right: Any) -> bool:
    kinds = (str, list, tuple)
    return (isinstance(left, kinds) or isinstance(right, kinds)) and all(
        operand is None or isinstance(operand, kinds) for operand in (left, right)
    )


def _added(left: Any, right: Any) -> Any:
    """Two texts or two lists one behind the other; what is absent adds nothing."""
    if left is None or right is None:
        return right if left is None else left
    if isinstance(left, str) != isinstance(right, str):
        raise SecurityError("a text and a list can't be added.")
    if isinstance(left, str):
        text_fits(len(left) + len(right))
        return fits(left + right)
    return listed([*left[:MAX_OUTPUT], *right[:MAX_OUTPUT]])


def _key(value: Any) -> str:
    if isinstance(value, list | tuple | dict):
        raise SecurityError("a key must be a text or a number.")
    return as_text(value)


def _slice(value: Any, start: Any = None, stop: Any = None, step: Any = None) -> Any:
    if value is None:
        return None
    if not isinstance(value, str | list | tuple):
        raise SecurityError("only a text or a list has parts.")
    return fits(value[start:stop:step])


def _turns(values: Any) -> Iterator[Any]:
    """The turns of a loop: over a list, the characters of a text, the keys of an object; none over what is absent."""
    if not (values is None or isinstance(values, str | list | tuple | dict)):
        raise SecurityError("a loop needs a list.")
    for value in values or ():
        go_on()
        yield value


def _pieces(pieces: list[Any]) -> str:
    go_on()
    return str(fits(joined("", pieces)))


def _is_small(value: Any, most: int) -> bool:
    return is_number(value) and abs(value) <= most
