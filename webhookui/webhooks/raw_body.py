"""RAW: a body of one's own, a template that is sent byte for byte (specification section 4.2).

What a value may be is decided by the media type: in JSON and XML none breaks out of where it stands.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from webhookui.webhooks.body_text import charset_name
from webhookui.webhooks.secret_values import MARKER, PLAIN, QUERY
from webhookui.webhooks.templating.insertion import Inserted, Pieces, into_form, into_json, into_text, into_xml
from webhookui.webhooks.templating.template import constant_pieces, names_of_body, render_pieces
from webhookui.webhooks.xml_body import NotEncodable

MAX_RAW_TEMPLATE = 100_000
"""Characters of a template that is a body."""

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"'
_PARAMETER = rf"[ \t]*;[ \t]*(?:({_WORD})=({_WORD}|{_QUOTED}))?"
MEDIA_TYPE = re.compile(rf"({_WORD})/({_WORD})((?:{_PARAMETER})*)[ \t]*")
"""RFC 9110 section 8.3.1."""
LINES_OF_JSON = re.compile(r"(x-)?(nd-?json|json-?lines|jsonl)|stream\+json|json-seq|x-json-stream")


@dataclass(frozen=True)
class RawKind:
    """A family of media types. `write`: pieces → text, with the values in it. `problem(text, charset)`: why it can't be one.
    `escape`: how a secret is written into it, a key of `secret_values.ESCAPES`."""

    name: str
    write: Callable[[Pieces], str]
    escape: str
    problem: Callable[[str, str], str] = lambda _text, _charset: ""


def _no_json(text: str, _charset: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        hint = " For several values one after another, use application/x-ndjson." if "Extra data" in str(error) else ""
        return f"This is not JSON: {error}.{hint}"
    return ""


def _no_json_lines(text: str, charset: str) -> str:
    for number, line in enumerate(text.split("\n"), 1):
        if (record := line.strip("\x1e \t\r")) and (problem := _no_json(record, charset)):
            return f"Line {number}: {problem}"
    return ""


def _no_xml(text: str, charset: str) -> str:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        etree.fromstring(text.encode(charset), parser)
    except (etree.XMLSyntaxError, UnicodeError) as error:
        return f"This is not XML: {getattr(error, 'msg', None) or error}."
    return ""


KINDS: Mapping[str, RawKind] = {
    language.name: language
    for language in (
        RawKind("json", into_json, "j", _no_json),
        RawKind("json lines", into_json, "j", _no_json_lines),
        RawKind("xml", into_xml, "x", _no_xml),
        RawKind("form", into_form, QUERY),
        RawKind("text", into_text, PLAIN),
    )
}


def kind_of(media_type: str) -> RawKind:
    """The family that a media type belongs to."""
    essence = media_type.partition(";")[0].strip().lower()
    subtype = essence.partition("/")[2]
    if LINES_OF_JSON.fullmatch(subtype):
        return KINDS["json lines"]
    if subtype == "json" or subtype.endswith("+json"):
        return KINDS["json"]
    if subtype == "xml" or subtype.endswith("+xml"):
        return KINDS["xml"]
    return KINDS["form" if essence == "application/x-www-form-urlencoded" else "text"]


def media_type_problem(media_type: str) -> str:
    """What is wrong with a media type; empty when it can be sent."""
    if not MEDIA_TYPE.fullmatch(media_type):
        return "A media type looks like application/json or text/plain; charset=utf-8."
    charset = _charset_parameter(media_type)
    return f"The charset “{charset}” is not known." if charset and not _codec(charset) else ""


def _charset_parameter(media_type: str) -> str:
    for name, value in re.findall(_PARAMETER, media_type):
        if name.lower() == "charset":
            return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else str(value)
    return ""


def _codec(charset: str) -> str:
    """The name by which Python knows it; empty when that is no charset of a text."""
    name = charset_name(charset)
    try:
        "".encode(name or "utf-8")  # raises for what is no encoding of a text
    except (LookupError, ValueError):
        return ""
    return name


_DECLARED = re.compile(r"\ufeff?<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def charset_of(media_type: str, text: str) -> str:
    """What the body is written in: the media type's charset, else an XML document's own declaration, else UTF-8."""
    declared = _charset_parameter(media_type)
    if not declared and kind_of(media_type).name == "xml" and (inside := _DECLARED.match(text)):
        declared = inside[1]
    return _codec(declared) or "utf-8"


def names_in(body: str) -> frozenset[str]:
    """The names that the template of a body speaks of. Raises TemplateProblem."""
    return names_of_body(body, MAX_RAW_TEMPLATE)


def raw_body(body: str, media_type: str, values: Mapping[str, Any], longest: int) -> bytes:
    """The body for these values. `longest`: its limit in bytes. Raises TemplateProblem and NotEncodable."""
    return _encoded(render_pieces(body, values, longest, MAX_RAW_TEMPLATE), media_type)


def _encoded(pieces: Sequence[str | Inserted], media_type: str) -> bytes:
    kind = kind_of(media_type)
    text = kind.write(pieces)
    if not text:
        return b""
    charset = charset_of(media_type, text)
    if charset != "utf-8" and MARKER.search(text):
        raise NotEncodable(f"A body that contains a secret must be in UTF-8, not in {charset}.")
    try:
        encoded = text.encode(charset)
    except UnicodeEncodeError as error:
        letter = text[error.start]
        raise NotEncodable(f"The character “{letter}” (U+{ord(letter):04X}) can't be written in {charset}.") from None
    if problem := kind.problem(text, charset):
        raise NotEncodable(problem)
    return encoded


_SAMPLES = (Inserted('"x"', "x"), Inserted("1", "1"))


def raw_body_problem(body: str, media_type: str) -> str:
    """Why a body that was typed can never be of its media type; empty when it can, or when only its values will tell.

    A body with conditions and loops is not judged: what becomes of it is seen in the preview, and when it is built.
    """
    problem = ""
    for sample in _SAMPLES:
        pieces = constant_pieces(body, sample, MAX_RAW_TEMPLATE)
        if pieces is None:
            return ""
        try:
            _encoded(pieces, media_type)
        except NotEncodable as error:
            problem = problem or str(error)
        else:
            return ""
    return problem
