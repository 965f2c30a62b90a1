"""Putting values into a text of a known language, so that none breaks out of where it stands (specification section 4.2, RAW).

A text comes as pieces: what was typed, and what placeholders brought. What was typed is read just far enough to know what a
value stands in: a JSON string or none, an XML text, attribute, comment or tag.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote_plus

from webhookui.core import exact_json
from webhookui.webhooks.secret_values import MARKER
from webhookui.webhooks.xml_body import ILLEGAL, XML_NAME, NotEncodable


@dataclass(frozen=True)
class Inserted:
    """What a placeholder brought: as a JSON value, and as text."""

    json: str
    text: str


Pieces = Iterable[str | Inserted]
"""Empty texts stand between two values."""


def into_text(pieces: Pieces) -> str:
    return "".join(piece if isinstance(piece, str) else piece.text for piece in pieces)


def into_form(pieces: Pieces) -> str:
    """Every value percent-encoded, as a name or value of application/x-www-form-urlencoded."""
    return "".join(piece if isinstance(piece, str) else quote_plus(piece.text) for piece in pieces)


# ---- JSON -------------------------------------------------------------------------------------------------------------

_QUOTE_OR_ESCAPE = re.compile(r'\\.|"|\\\Z', re.DOTALL)


def into_json(pieces: Pieces) -> str:
    """Inside quotes a value is escaped text, outside a whole JSON value. Raises NotEncodable."""
    written: list[str] = []
    quoted = escaping = False
    for piece in pieces:
        if isinstance(piece, str):
            for mark in _QUOTE_OR_ESCAPE.findall(piece):
                quoted ^= mark == '"'
                escaping = mark == "\\"
            written.append(piece)
        elif escaping:
            raise NotEncodable("A placeholder can't directly follow a backslash.")
        else:
            written.append(exact_json.dumps(piece.text)[1:-1] if quoted else piece.json)
    return "".join(written)


# ---- XML --------------------------------------------------------------------------------------------------------------

_OPENING: dict[str, re.Pattern[str]] = {
    "text": re.compile(r"<!--|<!\[CDATA\[|<\?|<!|<"),
    "tag": re.compile("[\"'>]"),
    '"': re.compile('"'),
    "'": re.compile("'"),
    "comment": re.compile("-->"),
    "cdata": re.compile(r"\]\]>"),
    "instruction": re.compile(r"\?>"),
    "declaration": re.compile(r"\[[^\]]*\]\s*>|>"),
}
"""What ends a stretch of XML, by what the stretch is."""
_INSIDE = {"<!--": "comment", "<![CDATA[": "cdata", "<?": "instruction", "<!": "declaration", "<": "tag"}
_CARRIED = 8
"""Characters before a value that may be the beginning of what ends a stretch."""


def into_xml(pieces: Pieces) -> str:
    """In texts, attributes and CDATA sections a value is escaped; elsewhere it must be a name. Raises NotEncodable."""
    written: list[str] = []
    state, unread = "text", ""
    for piece in pieces:
        if isinstance(piece, str):
            state, unread = _read_on(state, unread + piece)
            written.append(piece)
        else:
            match = ILLEGAL.search(piece.text)
            if match:
                raise NotEncodable(f"XML can't contain the character U+{ord(match.group()):04X}.")
            inserted = _put_secret(state, piece.text) if MARKER.fullmatch(piece.text) else _PUT[state](piece.text)
            written.append(inserted)
            unread = unread[-_CARRIED:] if not inserted else ""
    return "".join(written)


def _put_secret(state: str, marker: str) -> str:
    """What is put in its place later is escaped as in a text: a CDATA section is left for it."""
    if _PUT[state] is _in_cdata:
        return f"]]>{marker}<![CDATA["
    if _PUT[state] in (_in_comment, _as_name, _nowhere):
        raise NotEncodable("In XML, a secret can only be in text, an attribute or a CDATA section.")
    return marker


def _read_on(state: str, text: str) -> tuple[str, str]:
    """What the end of the text stands in, and what of it has not told yet."""
    position = 0
    while match := _OPENING[state].search(text, position):
        position = match.end()
        mark = match.group()
        if state == "text":
            state = _INSIDE[mark]
        elif state == "tag" and mark in "\"'":
            state = mark
        else:
            state = "tag" if state in "\"'" else "text"
    return state, text[position:]


_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE = _IN_TEXT | str.maketrans({'"': "&quot;", "'": "&#39;", "\n": "&#10;", "\t": "&#9;"})


def _in_cdata(text: str) -> str:
    if not re.search(r"[\]>\r]", text):
        return text
    return f"]]>{text.translate(_IN_TEXT)}<![CDATA["


def _in_comment(text: str) -> str:
    if "-" in text:
        raise NotEncodable("An XML comment can't contain a value with a hyphen.")
    return text


def _as_name(text: str) -> str:
    if not XML_NAME.fullmatch(text):
        raise NotEncodable(f"“{text[:40]}” is not a legal XML name; in a tag, put other values in quotes.")
    return text


def _nowhere(_text: str) -> str:
    raise NotEncodable("An XML declaration or processing instruction can't contain a placeholder.")


_PUT: dict[str, Callable[[str], str]] = {
    "text": lambda text: text.translate(_IN_TEXT),
    '"': lambda text: text.translate(_IN_ATTRIBUTE),
    "'": lambda text: text.translate(_IN_ATTRIBUTE),
    "cdata": _in_cdata,
    "comment": _in_comment,
    "tag": _as_name,
    "instruction": _nowhere,
    "declaration": _nowhere,
}
