"""What a browser sends when a form of a page is submitted untouched, by the rules of the HTML standard."""

from __future__ import annotations

import re
from datetime import date, datetime
from html.parser import HTMLParser

from werkzeug.datastructures import MultiDict


class _Forms(HTMLParser):
    """Collects the entries of each form: action → [(name, value)]."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: dict[str, list[tuple[str, str]]] = {}
        self._entries: list[tuple[str, str]] | None = None
        self._textarea: str | None = None
        self._select = ""
        self._options: list[tuple[str, bool]] = []
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: (value or "").replace("\0", "\ufffd") for name, value in attrs}
        if tag == "form":
            self._entries = self.forms.setdefault(given.get("action", ""), [])
        elif tag == "input" and "disabled" not in given:
            self._input(given)
        elif tag == "textarea":
            self._textarea, self._text = given.get("name", ""), []
        elif tag == "select":
            self._select, self._options = given.get("name", ""), []
        elif tag == "option":
            self._options.append((given.get("value", ""), "selected" in given))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._entries = None
        elif tag == "textarea" and self._textarea is not None:
            text = "".join(self._text).replace("\0", "\ufffd")
            self._add(self._textarea, text.removeprefix("\n"))
            self._textarea = None
        elif tag == "select":
            chosen = [value for value, selected in self._options if selected] or [
                value for value, _ in self._options[:1]
            ]
            if chosen:
                self._add(self._select, chosen[-1])

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._text.append(data)

    def _input(self, given: dict[str, str]) -> None:
        kind, value = given.get("type", "text"), given.get("value", "")
        if kind in ("submit", "button") or (kind in ("checkbox", "radio") and "checked" not in given):
            return
        if kind not in ("hidden", "checkbox", "radio"):
            value = re.sub(r"[\r\n]", "", value)
        if kind in ("email", "url"):
            value = value.strip("\t\n\f\r ")
        if kind == "date":
            value = _or_nothing(date.fromisoformat, value)
        if kind == "datetime-local":
            value = _or_nothing(datetime.fromisoformat, value)
        self._add(given.get("name", ""), value)

    def _add(self, name: str, value: str) -> None:
        if name and self._entries is not None:
            self._entries.append((name, re.sub(r"\r\n|\r|\n", "\r\n", value)))


def _or_nothing(read: object, value: str) -> str:
    """A value that is none of its kind is dropped."""
    try:
        read(value)  # type: ignore[operator]
    except ValueError:
        return ""
    return value


def forms(page: str) -> dict[str, MultiDict[str, str]]:
    """The entries of every form of a page by its action, as a browser sends them when nobody has touched it."""
    parser = _Forms()
    parser.feed(re.sub(r"\r\n?", "\n", page))
    return {action: MultiDict(entries) for action, entries in parser.forms.items()}


def sent_untouched(page: str, action: str) -> MultiDict[str, str]:
    """Those of one form."""
    return forms(page)[action]
