"""A sample body of the target, as typed and dotted parameter rows (specification section 4.6)."""

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from lxml import etree

from webhookui.core import exact_json
from webhookui.webhooks import naming
from webhookui.webhooks.body_text import marked
from webhookui.webhooks.definition import Parameter
from webhookui.webhooks.naming import Segment
from webhookui.webhooks.paths import xpath
from webhookui.webhooks.xml_body import ALWAYS_DECLARED


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
        exact_json.dumps(value).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise SampleProblem(f"This is not JSON: {str(error).partition(';')[0]}") from None
    if not isinstance(value, dict | list):
        raise SampleProblem("A body must be an object or a list; this is a single value.")
    return rows_of(value)


def _json_array(text: str) -> list[Parameter]:
    rows = _json(text)
    value = exact_json.loads(text)
    return rows_of(value[0]) if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else rows


def rows_of(value: Any) -> list[Parameter]:
    """The rows of a JSON object or list, each with the type that gives back exactly its value. Raises SampleProblem.

    What has a key that no name can express is the JSON value of one row.
    """
    if not _can_be_split(value, 0):
        raise SampleProblem("A name that is empty, or begins or ends with a blank, can't be a parameter's name.")
    return [_row(naming.join(place), inner) for place, inner in _places(value, ())]


def _places(value: Any, place: tuple[Segment, ...]) -> Iterator[tuple[tuple[Segment, ...], Any]]:
    if not value and not place:
        return
    if not _can_be_split(value, len(place)) or not isinstance(value, dict | list) or not value:
        yield place, value
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _places(inner, (*place, key))


def _can_be_split(value: Any, depth: int) -> bool:
    if isinstance(value, dict) and not all(naming.is_expressible(key) for key in value):
        return False
    return depth < naming.MAX_DEPTH


def _row(name: str, value: Any) -> Parameter:
    if isinstance(value, bool):
        return Parameter(name, "true" if value else "false", "boolean")
    if isinstance(value, int | Decimal):
        return Parameter(name, str(value), "number")
    if value is None or isinstance(value, dict | list):
        return Parameter(name, re.sub(r"\{(?=[{%#])", r"\\u007b", exact_json.dumps(value)), "json")
    return Parameter(name, literal(value), "text")


def literal(text: str) -> str:
    """Text that is to be sent as it is: what looks like a placeholder is quoted, and so is what a form's text can't hold."""
    if not re.search(r"\{[{%#]|[\0\r]", text):
        return text
    if "\0" in text or "endraw" in text or "\r" in text or text.endswith("{"):
        return "{{ " + exact_json.dumps(text) + " }}"
    return "{% raw %}" + text + "{% endraw %}"


_PAIR = re.compile(r"""[^\s,;<>{}()"'=]+=""")
"""A name as forms have them. What is no such name is hardly a form: text, or lines of another format with = in them."""


def _form(text: str) -> list[Parameter]:
    pieces = [piece for piece in text.replace("\n", "&").split("&") if piece]
    if other := next((piece for piece in pieces if not _PAIR.match(piece)), None if pieces else text):
        raise SampleProblem(f"This is not name=value&name=value: “{other[:60]}”.")
    pairs = parse_qsl("&".join(pieces), keep_blank_values=True)
    counted: Counter[tuple[Segment, ...]] = Counter()
    return [Parameter(naming.join(_bracketed(name, counted)), literal(value), "text") for name, value in pairs]


def _bracketed(name: str, counted: Counter[tuple[Segment, ...]]) -> tuple[Segment, ...]:
    """`a[b][0]` as its segments; `a[][b]` is in the next element of the list, and `a[]` stays the name that it is."""
    if name.endswith("[]") and len(name) > 2:
        *outer, last = _bracketed(name[:-2], counted)
        return (*outer, f"{last}[]")
    first, *rest = name.split("[")
    place: tuple[Segment, ...] = (first,)
    for part in (piece.removesuffix("]") for piece in rest):
        if part:
            place = (*place, int(part) if re.fullmatch("0|[1-9][0-9]{0,8}", part) else part)
        else:
            counted[place] += 1
            place = (*place, counted[place] - 1)
    return place


def _xml(text: str) -> list[Parameter]:
    root = _root(text)
    return [Parameter(naming.join(place), literal(value), "text") for place, value in _element(root, ())]


def _root(text: str) -> Any:
    try:
        root = xpath.read(marked(text))
    except ValueError as error:
        raise SampleProblem(f"This XML can't be read: {error}") from None
    etree.strip_tags(root, etree.Comment)
    return root


def _element(element: Any, place: tuple[Segment, ...]) -> Iterator[tuple[tuple[Segment, ...], str]]:
    outer = element.getparent().nsmap if place else {}
    declared = {prefix: uri for prefix, uri in element.nsmap.items() if outer.get(prefix) != uri}
    for prefix, uri in declared.items():
        yield (*place, f"@xmlns:{prefix}" if prefix else "@xmlns"), uri
    for name, value in element.attrib.items():
        yield (*place, "@" + _attribute(element, name)), value
    children = [child for child in element if isinstance(child.tag, str)]
    if children:
        names = [_named(child) for child in children]
        there, passed = Counter(names), Counter[str]()
        for name, child in zip(names, children, strict=True):
            if there[name] > 1:
                yield from _element(child, (*place, name, passed[name]))
                passed[name] += 1
            else:
                yield from _element(child, (*place, name))
        return
    text = element.text or ""
    if place and not element.attrib and not declared:
        yield place, text
    elif text:
        yield (*place, "#text"), text


def _named(element: Any) -> str:
    """The name of an element with its prefix."""
    local = element.tag.rpartition("}")[2]
    return f"{element.prefix}:{local}" if element.prefix else local


def _attribute(element: Any, key: str) -> str:
    space, _, local = key.rpartition("}")
    prefixes = {uri: prefix for prefix, uri in (*element.nsmap.items(), *ALWAYS_DECLARED.items()) if prefix}
    return f"{prefixes[space[1:]]}:{local}" if space else local


_READERS = {"JSON": _json, "JSONARRAY": _json_array, "XML": _xml, "FORM": _form}


def root_name(text: str) -> str:
    """The name of an XML sample's root element, with its prefix. Raises SampleProblem."""
    return _named(_root(text))
