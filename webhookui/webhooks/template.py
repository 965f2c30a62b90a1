"""Values with placeholders (SPEC section 4.1): Jinja's sandbox, checked against what exists, typed when alone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from webhookui import exact_json
from webhookui.webhooks.values import as_text, plain

MAX_TEMPLATE = 20_000
MAX_OUTPUT = 1_000_000
"""Characters of a template, and of what it may render to."""
TEXT_LIKE = {"text", "long_text", "email", "phone", "url", "picklist", "multi_picklist", "date", "datetime"}
"""Types whose values have parts or methods of their own in a template."""


class TemplateProblem(Exception):
    """A template that does not compile, speaks of what does not exist, or fails. The text is for people."""


@dataclass(frozen=True)
class Schema:
    """The placeholders that exist: name → a field type's name, or a function that gives the schema of what is behind it."""

    fields: Mapping[str, str | Callable[[], Schema]]

    def paths(self, depth: int = 2, prefix: str = "") -> Iterator[tuple[str, str]]:
        """(path, type) of every placeholder down to a depth, for pickers."""
        for name, kind in self.fields.items():
            if isinstance(kind, str):
                yield prefix + name, kind
            elif depth > 1:
                yield from kind().paths(depth - 1, f"{prefix}{name}.")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with nothing in it but filters and tests, and no expression that fills the memory."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, finalize: Callable[[Any], Any] | None = None) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, finalize=finalize)
        self.globals.clear()
        for name in ("center", "indent", "wordwrap", "urlize", "pprint", "xmlattr", "random"):
            self.filters.pop(name, None)
        self.filters["tojson"] = lambda value: exact_json.dumps(plain(value))
        self.filters["string"] = as_text

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What is behind an empty reference is empty; a record has fields, no methods."""
        if obj is None:
            return None
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return None if obj is None else super().getitem(obj, argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and not (_is_small(left, 10**6) and _is_small(right, 100)):
            raise SecurityError("These numbers are too large for **.")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("Write placeholders instead of % in a text.")
        if operator == "*" and not (_is_number(left) and _is_number(right)):
            raise SecurityError("Only numbers can be multiplied.")
        if operator == "*" and isinstance(left, Decimal) != isinstance(right, Decimal):
            left, right = _exact(left), _exact(right)
        return super().call_binop(context, operator, left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal)


def _is_small(value: Any, most: int) -> bool:
    return _is_number(value) and abs(value) <= most


def _exact(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


_typed = _Sandbox()
_text = _Sandbox(finalize=as_text)
_url = _Sandbox(finalize=lambda value: quote(as_text(value), safe=""))


@dataclass(frozen=True)
class _Compiled:
    """`constant` when there is no placeholder; `alone` when there is one and nothing else. `names`: what it speaks of."""

    constant: str | None
    names: frozenset[str] = frozenset()
    alone: Callable[..., Any] | None = None
    text: Template | None = None


@lru_cache(maxsize=8192)
def compiled(source: str) -> _Compiled:
    """Raises TemplateProblem with the place."""
    if "{" not in source:
        return _Compiled(source)
    tree = _parsed(source)
    names = frozenset(meta.find_undeclared_variables(tree))
    try:
        match tree.body:
            case [nodes.Output(nodes=[nodes.TemplateData(data=data)])]:
                return _Compiled(data)
            case [nodes.Output(nodes=[_])] if source.startswith("{{") and source.endswith("}}"):
                expression = source[2:-2].strip("-+ \t\r\n")
                return _Compiled(None, names, _typed.compile_expression(expression, undefined_to_none=False))
        return _Compiled(None, names, None, _text.from_string(source))
    except TemplateError as error:
        raise TemplateProblem(f"The placeholder can't be read: {error}") from None


def _parsed(source: str) -> nodes.Template:
    if len(source) > MAX_TEMPLATE:
        raise TemplateProblem(f"At most {MAX_TEMPLATE} characters.")
    try:
        tree = _text.parse(source)
        _text.from_string(source)  # unknown filters and tests show only when code is made
        return tree
    except TemplateSyntaxError as error:
        raise TemplateProblem(
            f"The placeholder can't be read {_place(source, error.lineno)}: {error.message}"
        ) from None
    except (TemplateError, RecursionError) as error:
        raise TemplateProblem(f"The placeholder can't be read: {error}") from None


def _place(source: str, line: int) -> str:
    lines = source.split("\n")
    column = lines[min(line, len(lines)) - 1].find("{") + 1
    return f"at line {line}, column {max(1, column)}"


@lru_cache(maxsize=2048)
def _compiled_url(source: str) -> Template:
    _parsed(source)
    return _url.from_string(source)


def check(source: str, schema: Schema) -> str:
    """A sentence about what is wrong with the template; empty when all is well."""
    try:
        found = compiled(source)
    except TemplateProblem as problem:
        return str(problem)
    if found.constant is not None:
        return ""
    for chain in _chains(_text.parse(source), found.names):
        missing = _missing(chain, schema)
        if missing:
            return missing
    return ""


def _chains(tree: nodes.Template, free: frozenset[str]) -> Iterator[list[str]]:
    """Every `a.b.c` of the template that starts with a name from outside, as its names."""
    for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name)):
        chain: list[str] = []
        current: nodes.Node = node
        while isinstance(current, nodes.Getattr | nodes.Getitem):
            if isinstance(current, nodes.Getattr):
                chain.insert(0, current.attr)
            elif isinstance(current.arg, nodes.Const) and isinstance(current.arg.value, str):
                chain.insert(0, current.arg.value)
            else:
                chain = []
            current = current.node
        if isinstance(current, nodes.Name) and current.ctx == "load" and current.name in free:
            yield [current.name, *chain]


def _missing(chain: list[str], schema: Schema) -> str:
    current = schema
    for position, name in enumerate(chain):
        known = current.fields.get(name)
        path = ".".join(chain[: position + 1])
        if known is None:
            close = difflib.get_close_matches(name, current.fields, 1, 0.6)
            hint = f" Did you mean “{'.'.join([*chain[:position], close[0]])}”?" if close else ""
            return f"There is no placeholder “{path}”.{hint}"
        if isinstance(known, str):
            rest = chain[position + 1 :]
            return f"“{path}” is a value and has no “{rest[0]}”." if rest and known not in TEXT_LIKE else ""
        current = known()
    return ""


def render_value(source: str, context: Mapping[str, Any]) -> Any:
    """A JSON value: typed when the template is one placeholder and nothing else, else text. Raises TemplateProblem."""
    found = compiled(source)
    if found.constant is not None:
        return found.constant
    if found.alone is None:
        return render_text(source, context)
    with _in_words():
        value = found.alone(**_of(context, found.names))
        if isinstance(value, StrictUndefined):
            str(value)  # raises, with the name
        return plain(value)


def render_text(source: str, context: Mapping[str, Any]) -> str:
    """The template as text. Raises TemplateProblem."""
    found = compiled(source)
    if found.constant is not None:
        return found.constant
    if found.text is None:
        return as_text(render_value(source, context))
    return _generated(found.text, found.names, context)


def render_url(source: str, context: Mapping[str, Any]) -> str:
    """The template as a URL: what placeholders bring is percent-encoded (RFC 3986), but for one at the very beginning,
    which is an address itself. Raises TemplateProblem."""
    found = compiled(source)
    if found.constant is not None:
        return found.constant
    first = re.match(r"\{\{.*?\}\}", source)
    if first:
        rest = source[first.end() :]
        return render_text(first.group(), context) + (render_url("\0" + rest, context)[1:] if rest else "")
    return _generated(_compiled_url(source), found.names, context)


def _generated(template: Template, names: frozenset[str], context: Mapping[str, Any]) -> str:
    parts: list[str] = []
    length = 0
    with _in_words():
        for part in template.generate(**_of(context, names)):
            length += len(part)
            if length > MAX_OUTPUT:
                raise TemplateProblem(f"The text gets longer than {MAX_OUTPUT} characters.")
            parts.append(part)
    return "".join(parts)


def _of(context: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: context[name] for name in names if name in context}


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except TemplateProblem:
        raise
    except (
        TemplateError,
        ArithmeticError,
        TypeError,
        ValueError,
        AttributeError,
        LookupError,
        RecursionError,
    ) as error:
        raise TemplateProblem(f"The placeholder can't be filled in: {error}") from None
