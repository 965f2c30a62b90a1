"""Reading the keys of an action's document, with a sentence at the path of what is wrong (specification section 10)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from webhookui.core.exact_json import dumps
from webhookui.webhooks.templating.template import Schema, check

Errors = dict[str, str]
PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class DocumentReader:
    """Reads keys of the action and notes at their path what is wrong with them."""

    def __init__(self, at: str, errors: Errors) -> None:
        self._at = at
        self._errors = errors

    def say(self, path: str, sentence: str) -> None:
        """The first thing said at a path stays."""
        self._errors.setdefault(f"{self._at}.{path}" if self._at else path, sentence)

    def say_if(self, path: str, sentence: str) -> None:
        if sentence:
            self.say(path, sentence)

    def refuse_unknown(self, document: Mapping[str, Any], allowed: set[str], path: str = "") -> None:
        for key in document:
            if key not in allowed:
                self.say(f"{path}{key}", f"There is no key “{key}” here.")

    def refuse_unstorable(self, value: Any, path: str = "") -> None:
        """Texts with a character that databases refuse: NUL, or half of a surrogate pair."""
        if isinstance(value, str) and UNSTORABLE.search(value):
            self.say(path, "This contains a character that can't be stored.")
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                self.refuse_unstorable(key, path or "keys")
                self.refuse_unstorable(inner, f"{path}.{key}" if path else str(key))
        elif isinstance(value, list):
            for position, inner in enumerate(value):
                self.refuse_unstorable(inner, f"{path}.{position}")

    def text(self, document: Mapping[str, Any], key: str, path: str = "", *, required: str = "") -> str:
        value = document.get(key)
        if value is None:
            value = ""
        if not isinstance(value, str):
            self.say(path + key, f"“{key}” must be text.")
            return ""
        value = value.strip() if required or key in ("url", "key", "path", "field", "name") else value
        if required and not value:
            self.say(path + key, required)
        return value

    def choice(
        self, document: Mapping[str, Any], key: str, choices: Sequence[str], default: str, path: str = ""
    ) -> str:
        value = document.get(key, default)
        if value not in choices:
            given = value if isinstance(value, str) else dumps(value)
            self.say(path + key, f"“{given[:60]}” is not one of: {', '.join(choices)}.")
            return default
        return str(value)

    def truth(self, document: Mapping[str, Any], key: str, path: str = "") -> bool:
        value = document.get(key, False)
        if not isinstance(value, bool):
            self.say(path + key, f"“{key}” must be true or false.")
            return False
        return value

    def number(self, document: Mapping[str, Any], key: str, default: float, least: float, most: float) -> float:
        value = document.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not least <= value <= most:
            self.say(key, f"This must be a number from {least:g} to {most:g}.")
            return default
        return int(value) if value == int(value) else float(value)

    def objects(self, value: Any, path: str) -> list[tuple[int, Mapping[str, Any]]]:
        """(position, row) of a list of objects."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.say(path, "This must be a list.")
            return []
        rows = []
        for position, row in enumerate(value):
            if isinstance(row, Mapping):
                rows.append((position, row))
            else:
                self.say(f"{path}.{position}", "This must be an object.")
        return rows

    def template(self, source: str, path: str, schema: Schema) -> None:
        problem = check(source, schema)
        if problem:
            self.say(path, problem)
