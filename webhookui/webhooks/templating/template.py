"""Values with placeholders (specification section 4.1): Jinja's sandbox, checked against what exists, typed when alone."""

from __future__ import annotations

import base64
import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import quote

from jinja2 import Template, TemplateSyntaxError, meta, nodes
from jinja2.environment import TemplateExpression

from webhookui.core import exact_json
from webhookui.webhooks.templating.budget import MAX_OUTPUT, limited
from webhookui.webhooks.templating.insertion import Inserted, into_json
from webhookui.webhooks.templating.reasons import reason, syntax
from webhookui.webhooks.templating.sandbox import (
    DATE_METHODS,
    DATE_PARTS,
    LIST_METHODS,
    TEXT_METHODS,
    ComputesNothing,
    Sandbox,
    bounded,
    unoffered,
)
from webhookui.webhooks.values import JsonText, as_text, plain

MAX_TEMPLATE = 20_000
"""Characters of a template."""
PARTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("text", "long_text", "email", "phone", "url", "picklist"), TEXT_METHODS),
    **dict.fromkeys(("date", "datetime"), DATE_METHODS | DATE_PARTS),
    "multi_picklist": LIST_METHODS,
}
"""What the values of a type have in a template, beside nothing."""


OF_JINJA = frozenset({"self", "super", "caller"})
"""Names that Jinja itself knows the meaning of; no placeholder has them."""


class TemplateProblem(Exception):
    """A template that does not compile, speaks of what does not exist, or fails. The text is for people."""


@dataclass(frozen=True)
class Schema:
    """The placeholders that exist: name → a field type's name, or a function that gives the schema of what is behind it.

    `many`: it is that of each record of a list, which must be looped over.
    """

    fields: Mapping[str, str | Callable[[], Schema]]
    many: bool = False
    alone: frozenset[str] = frozenset()
    """Names whose placeholders stand by themselves: no filter, method or expression takes them."""


_typed = Sandbox()
_text = Sandbox(finalize=as_text)
_url = Sandbox(finalize=lambda value: quote(as_text(value), safe=""))
_json = Sandbox(finalize=lambda value: _sealed(value))


def _sealed(value: Any) -> str:
    """A placeholder's value as a piece that no text of the template can be taken for."""
    json_form = value if isinstance(value, JsonText) else exact_json.dumps(plain(value))
    return "".join(f"\0{base64.b64encode(form.encode()).decode()}" for form in (json_form, as_text(value))) + "\0"


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
    names = _names(tree)
    with _in_words("read"):
        match tree.body:
            case [nodes.Output(nodes=[nodes.TemplateData(data=data)])]:
                return _Compiled(data)
            case [nodes.Output(nodes=[expression])] if source.startswith("{{") and source.endswith("}}"):
                return _Compiled(None, names, _alone(expression))
        return _Compiled(None, names, None, _text.from_string(source))


class _Names(ComputesNothing, meta.TrackingCodeGenerator):
    """Finds the names that a template takes from outside. (Jinja's own finder computes the constants on its way.)"""


def _names(tree: nodes.Template) -> frozenset[str]:
    names = _Names(_typed)
    names.optimizer = None
    names.visit(tree)
    return frozenset(names.undeclared_identifiers)


def _alone(expression: nodes.Node) -> TemplateExpression:
    """What gives the value of one expression. (Jinja's own compile_expression would parse it again, outside of the sandbox.)"""
    result = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
    body = nodes.Template([result], lineno=1)
    body.set_environment(_typed)
    return TemplateExpression(_typed.from_string(body), undefined_to_none=False)


def _parsed(source: str, longest: int = MAX_TEMPLATE) -> nodes.Template:
    if len(source) > longest:
        raise TemplateProblem(f"At most {longest} characters.")
    with _in_words("read"):
        try:
            tree = _typed.parse(source)
            if problem := unoffered(tree):
                raise TemplateProblem(problem)
            _text.from_string(source)  # unknown filters and tests show only when code is made
        except TemplateSyntaxError as error:
            place = _place(source, error.lineno)
            raise TemplateProblem(f"The placeholder can't be read {place}: {syntax(error.message or '')}") from None
        return tree


def _place(source: str, line: int) -> str:
    lines = source.split("\n")
    column = lines[min(line, len(lines)) - 1].find("{") + 1
    return f"at line {line}, column {max(1, column)}"


@lru_cache(maxsize=8192)
def _compiled_in(sandbox: Sandbox, source: str) -> Template:
    return sandbox.from_string(source)


def check(source: str, schema: Schema) -> str:
    """A sentence about what is wrong with the template; empty when all is well."""
    try:
        template = compiled(source)
    except TemplateProblem as problem:
        return str(problem)
    return "" if template.constant is not None else _misspoken(_typed.parse(source), template.names, schema)


def check_body(source: str, schema: Schema, template_limit: int) -> str:
    """The same for a template that is a body of its own, which may loop over lists of records."""
    try:
        _, names = _compiled_pieces(source, template_limit)
        return _misspoken(_parsed(source, template_limit), names, schema)
    except TemplateProblem as problem:
        return str(problem)


def _misspoken(tree: nodes.Template, names: frozenset[str], schema: Schema) -> str:
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name = getattr(node, "attr", None) or getattr(getattr(node, "arg", None), "value", "")
        if isinstance(name, str) and name.startswith("_"):
            return f"“{name}” can't be looked into."
    if misused := _misused(tree, schema.alone & names):
        return (
            f"“{{{{ {misused}.… }}}}” must be used by itself: a secret can't go through a filter, method or expression."
        )
    looped = dict(_looped(tree, schema))
    for chain in _chains(tree, names | OF_JINJA | looped.keys()):
        known_schema = looped.get(chain[0], schema)
        missing = _missing(chain[1:], known_schema, chain[:1]) if chain[0] in looped else _missing(chain, known_schema)
        if missing:
            return missing
    return ""


def _looped(tree: nodes.Template, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The names that loops give to the records of a list, each with what such a record has."""
    for loop in tree.find_all(nodes.For):
        over: nodes.Node = loop.iter
        while isinstance(over, nodes.Filter) and over.node is not None:
            over = over.node
        list_schema = schema.fields.get(over.name) if isinstance(over, nodes.Name) else None
        if isinstance(loop.target, nodes.Name) and callable(list_schema) and list_schema().many:
            yield loop.target.name, list_schema()


def _misused(tree: nodes.Template, names: frozenset[str]) -> str:
    """A name that stands elsewhere than at the beginning of a placeholder that is `name.part` and nothing else; else empty."""
    if not names:
        return ""
    good = {
        id(part.node)
        for output in tree.find_all(nodes.Output)
        for part in output.nodes
        if isinstance(part, nodes.Getattr) and isinstance(part.node, nodes.Name)
    }
    used = (name for name in tree.find_all(nodes.Name) if name.name in names)
    return next((name.name for name in used if id(name) not in good), "")


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


def _missing(chain: list[str], schema: Schema, before: Sequence[str] = ()) -> str:
    """What is wrong with a way through the schema, whose own place is `before`."""
    current = schema
    for position, name in enumerate(chain):
        part = current.fields.get(name)
        path = ".".join([*before, *chain[: position + 1]])
        if part is None:
            close = difflib.get_close_matches(name, current.fields, 1, 0.6)
            hint = f" Did you mean “{'.'.join([*before, *chain[:position], close[0]])}”?" if close else ""
            return f"There is no placeholder “{path}”.{hint}"
        if isinstance(part, str):
            rest = chain[position + 1 :]
            if rest and rest[0] not in PARTS.get(part, ()):
                return f"“{path}” is a value and has no “{rest[0]}”."
            return ""
        current = part()
        if current.many and chain[position + 1 :]:
            return f"“{path}” is a list of records: write {{% for each in {path} %}} … {{% endfor %}}."
    return ""


def is_constant(source: str) -> bool:
    """Whether there is no placeholder in it. Raises TemplateProblem."""
    return compiled(source).constant is not None


def speaks_of(source: str) -> frozenset[str]:
    """The names that it takes from outside; none when it gives the same for every record. Raises TemplateProblem."""
    return compiled(source).names


def render_value(source: str, context: Mapping[str, Any]) -> Any:
    """A JSON value: typed when the template is one placeholder and nothing else, else text. Raises TemplateProblem."""
    template = compiled(source)
    if template.constant is not None:
        return template.constant
    if template.alone is None:
        return render_text(source, context)
    with _in_words("filled in"), limited():
        return bounded(plain(template.alone(**_of(context, template.names))))


def render_text(source: str, context: Mapping[str, Any]) -> str:
    """The template as text. Raises TemplateProblem."""
    template = compiled(source)
    if template.constant is not None:
        return template.constant
    if template.text is None:
        return as_text(render_value(source, context))
    return _generated(template.text, template.names, context)


def render_url(source: str, context: Mapping[str, Any]) -> str:
    """The template as a URL: what placeholders bring is percent-encoded (RFC 3986), but for one at the very beginning,
    which is an address itself. Raises TemplateProblem."""
    template = compiled(source)
    if template.constant is not None:
        return template.constant
    first = re.match(r"\{\{.*?\}\}", source)
    if first:
        rest = source[first.end() :]
        return render_text(first.group(), context) + (render_url("\0" + rest, context)[1:] if rest else "")
    return _generated(_compiled_in(_url, source), template.names, context)


_SEALED = re.compile("\0([A-Za-z0-9+/=]*)\0([A-Za-z0-9+/=]*)\0")


def render_json(source: str, context: Mapping[str, Any]) -> Any:
    """The template as JSON with placeholders in it: one inside quotes gives text, one outside a whole value. No value can end
    the text that it stands in, or add a key. Raises TemplateProblem; ValueError or NotEncodable when it is no JSON."""
    template = compiled(source)
    if template.text is None:
        value = render_value(source, context)
        if not isinstance(value, str):
            return value
        return exact_json.loads(value) if value.strip() else None
    text = into_json(_pieces(_generated(_compiled_in(_json, source), template.names, context, 3 * MAX_OUTPUT)))
    if len(text) > MAX_OUTPUT:
        raise TemplateProblem(f"The text exceeds {MAX_OUTPUT} characters.")
    return exact_json.loads(text)


def render_pieces(source: str, context: Mapping[str, Any], longest: int, template_limit: int) -> list[str | Inserted]:
    """The template as what was typed and what placeholders brought, by turns. `longest`: characters of the whole,
    `template_limit`: of the template. Raises TemplateProblem."""
    template, names = _compiled_pieces(source, template_limit)
    return _pieces(_generated(template, names, context, longest))


def names_of_body(source: str, template_limit: int) -> frozenset[str]:
    """The names from outside that a template speaks of. Raises TemplateProblem."""
    return _compiled_pieces(source, template_limit)[1]


def constant_pieces(source: str, sample: Inserted, template_limit: int) -> list[str | Inserted] | None:
    """The same with a sample for every value; None when there are conditions or loops. Raises TemplateProblem."""
    tree = _parsed(source, template_limit)
    if not all(isinstance(node, nodes.Output) for node in tree.body):
        return None
    parts = [part for node in tree.find_all(nodes.Output) for part in node.nodes]
    return [part.data if isinstance(part, nodes.TemplateData) else sample for part in parts]


@lru_cache(maxsize=128)
def _compiled_pieces(source: str, template_limit: int) -> tuple[Template, frozenset[str]]:
    tree = _parsed(source, template_limit)
    return _json.from_string(source), _names(tree)


def _pieces(sealed: str) -> list[str | Inserted]:
    pieces: list[str | Inserted] = []
    parts = iter(_SEALED.split(sealed))
    for text in parts:
        pieces.append(text)
        forms = [base64.b64decode(form).decode() for form in islice(parts, 2)]
        if forms:
            pieces.append(Inserted(*forms))
    return pieces


def _generated(template: Template, names: frozenset[str], context: Mapping[str, Any], longest: int = MAX_OUTPUT) -> str:
    parts: list[str] = []
    length = 0
    with _in_words("filled in"), limited():
        for part in template.generate(**_of(context, names)):
            length += len(part)
            if length > longest:
                raise TemplateProblem(f"The text exceeds {longest} characters.")
            parts.append(part)
        return str(plain("".join(parts)))


def _of(context: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: context[name] for name in names if name in context}


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    """Says why the placeholder can't be `what`, whatever is raised."""
    try:
        yield
    except TemplateProblem:
        raise
    except Exception as error:  # whatever a filter of Jinja raises, an assertion too
        raise TemplateProblem(f"The placeholder can't be {what}: {reason(error)}") from error
