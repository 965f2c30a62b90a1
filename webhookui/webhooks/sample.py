"""A sample body of the target, as typed and dotted parameter rows (SPEC section 4.6)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from webhookui import exact_json
from webhookui.webhooks import naming, xpath
from webhookui.webhooks.definition import Parameter
from webhookui.webhooks.naming import Segment


class SampleProblem(Exception):
    """A sample that can't be read; the text is for people."""


def parameters_from_sample(text: str, kind: str) -> list[Parameter]:
    """The rows that produce the sample. `kind`: a content type. Raises SampleProblem."""
    if not text.strip():
        raise SampleProblem("Paste a body first.")
    return _READERS[kind](text.strip())


def _json(text: str) -> list[Parameter]:
    try:
        value = exact_json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SampleProblem(f"This is not JSON: {error}") from None
    if not isinstance(value, dict | list):
        raise SampleProblem("A body is an object or a list; this is a single value.")
    return rows_of(value)


def _json_array(text: str) -> list[Parameter]:
    rows = _json(text)
    value = exact_json.loads(text)
    return rows_of(value[0]) if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else rows


def rows_of(value: Any) -> list[Parameter]:
    """The rows of a JSON value, each with the type that gives back exactly its value."""
    return [_row(naming.join(place), inner) for place, inner in naming.flatten(value) if place]


def _row(name: str, value: Any) -> Parameter:
    if isinstance(value, bool):
        return Parameter(name, "true" if value else "false", "boolean")
    if isinstance(value, int | Decimal):
        return Parameter(name, str(value), "number")
    if value is None or isinstance(value, dict | list):
        return Parameter(name, exact_json.dumps(value), "json")
    return Parameter(name, _literal(value), "text")


def _literal(text: str) -> str:
    """Text that is to be sent as it is: what looks like a placeholder is quoted."""
    if "{{" in text or "{%" in text or "{#" in text:
        return "{% raw %}" + text + "{% endraw %}"
    return text


def _form(text: str) -> list[Parameter]:
    pairs = parse_qsl(text.replace("\n", "&"), keep_blank_values=True)
    if not pairs:
        raise SampleProblem("This is not name=value&name=value.")
    return [Parameter(naming.join(_bracketed(name)), _literal(value), "text") for name, value in pairs]


def _bracketed(name: str) -> list[Segment]:
    """`a[b][0]` as its segments."""
    first, *rest = name.split("[")
    parts = [first, *(part.removesuffix("]") for part in rest)]
    return [int(part) if part.isdecimal() and number else part or "0" for number, part in enumerate(parts)]


def _xml(text: str) -> list[Parameter]:
    try:
        root = xpath.read(text.encode())
    except ValueError as error:
        raise SampleProblem(str(error)) from None
    return [Parameter(naming.join(place), _literal(value), "text") for place, value in _element(root, ())]


def _element(element: Any, place: tuple[Segment, ...]) -> Iterator[tuple[tuple[Segment, ...], str]]:
    if not place:
        for prefix, uri in element.nsmap.items():
            yield (("@xmlns:" + prefix) if prefix else "@xmlns",), uri
    for name, value in element.attrib.items():
        yield (*place, "@" + _named(element, name)), value
    children = [child for child in element if isinstance(child.tag, str)]
    text = (element.text or "").strip()
    if children:
        names = [_named(child, child.tag) for child in children]
        for name, child in zip(names, children, strict=True):
            if names.count(name) > 1:
                index = [other for other, kind in zip(children, names, strict=True) if kind == name].index(child)
                yield from _element(child, (*place, name, index))
            else:
                yield from _element(child, (*place, name))
    elif element.attrib and text:
        yield (*place, "#text"), text
    elif place:
        yield place, text


def _named(element: Any, tag: str) -> str:
    """A tag with its prefix in the place of its namespace."""
    space, _, local = tag.rpartition("}")
    prefix = next((key for key, uri in element.nsmap.items() if uri == space[1:] and key), None)
    return f"{prefix}:{local}" if space and prefix else local


_READERS = {"JSON": _json, "JSONARRAY": _json_array, "XML": _xml, "FORM": _form}
