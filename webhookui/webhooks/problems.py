"""What is wrong with an action's document, a sentence at the path of each (specification section 10)."""

import re
from collections.abc import Mapping
from typing import Any

from webhookui.webhooks.definition import Errors
from webhookui.webhooks.templating.template import Schema, check

PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL and halves of surrogate pairs, which databases refuse."""


def sentence(words: str | None) -> str:
    """What a URL's problem is as a sentence of its own; empty when there is none."""
    return words[0].upper() + words[1:] if words else ""


class Problems:
    """Notes them in `errors`. `at`: the action's path."""

    def __init__(self, at: str, errors: Errors) -> None:
        self._at = at
        self._errors = errors

    def say(self, path: str, sentence: str) -> None:
        """The first thing said at a path stays."""
        self._errors.setdefault(f"{self._at}.{path}" if self._at else path, sentence)

    def say_if(self, path: str, sentence: str) -> None:
        if sentence:
            self.say(path, sentence)

    def refuse_unstorable(self, value: Any, path: str = "") -> None:
        if isinstance(value, str) and UNSTORABLE.search(value):
            self.say(path, "This contains a character that can't be stored.")
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                self.refuse_unstorable(key, path or "keys")
                self.refuse_unstorable(inner, f"{path}.{key}" if path else str(key))
        elif isinstance(value, list):
            for position, inner in enumerate(value):
                self.refuse_unstorable(inner, f"{path}.{position}")

    def template(self, source: str, path: str, schema: Schema) -> None:
        self.say_if(path, check(source, schema) or "")
