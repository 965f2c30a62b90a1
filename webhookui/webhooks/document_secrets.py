"""Secret rows of an action's document: what may be saved (specification sections 4.1 and 10)."""

import re
from collections.abc import Mapping
from typing import Any

from webhookui.webhooks.definition import MASK, Parameter, WebhookAction
from webhookui.webhooks.problems import Problems
from webhookui.webhooks.request import CONTROL
from webhookui.webhooks.secret_values import secret_rows
from webhookui.webhooks.templating.template import Schema

NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}")
CONTROL_IN_BODY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
NOT_IN_HEADER = re.compile(r"[^\x20-\x7e]")
MENTIONED = re.compile(r"\bsecret\s*\.\s*(\w+)")


def check_secret_names(problems: Problems, action: WebhookAction) -> tuple[str, ...]:
    """The names of `{{ secret.name }}`, of the action's "secrets"."""
    names: list[str] = []
    for position, row in enumerate(action.secrets):
        if row.name and not NAME.fullmatch(row.name):
            problems.say(
                f"secrets.{position}.name",
                "The name of a secret must be lower case letters, digits and underscores: {{ secret.token }}.",
            )
        elif row.name and row.name in names:
            problems.say(f"secrets.{position}.name", f"“{row.name}” is listed twice.")
        names.append(row.name)
    return tuple(names)


def with_secret_names(schema: Schema, names: tuple[str, ...]) -> Schema:
    """The placeholders, with those that stand for a secret; a field of the name `secret` gives way to them."""
    if not names:
        return schema
    secrets = Schema(dict.fromkeys(names, "text"))
    return Schema({**schema.fields, "secret": lambda: secrets}, alone=frozenset({"secret"}))


def secret_values(problems: Problems, document: Mapping[str, Any]) -> dict[str, str]:
    """Place → what was typed there."""
    secrets: dict[str, str] = {}
    in_headers = {name for text in _texts(document.get("headers")) for name in MENTIONED.findall(text)}
    for place, path, row in secret_rows(document):
        value = row.get("value")
        if not isinstance(value, str) or not value:
            problems.say(f"{path}.value", "Enter the secret value.")
            continue
        secrets[place] = value
        kind, _, name = place.partition(".")
        if value == MASK:
            continue
        foreign = (
            NOT_IN_HEADER.search(value) if kind == "headers" or (kind == "secrets" and name in in_headers) else None
        )
        if (CONTROL if kind in ("headers", "secrets") else CONTROL_IN_BODY).search(value):
            problems.say(f"{path}.value", "A line break or control character can't be sent.")
        elif foreign:
            problems.say(f"{path}.value", f"The character “{foreign.group()}” can't be sent in a header.")
    return secrets


def check_type_of_secret(problems: Problems, row: Parameter, path: str, *, named: bool) -> None:
    """`named`: it may speak of a secret."""
    if (row.secret and row.type not in ("auto", "text")) or (
        named and row.type in ("number", "boolean") and MENTIONED.search(row.value)
    ):
        problems.say(path + "type", "A secret is sent as text, exactly as it was entered.")


def check_secret_in_url(problems: Problems, url: str) -> None:
    """A secret may stand in path and query: the host is shown and compared, and must be known."""
    authority = re.match(r"[^/?#]*(//[^/?#]*)?", url)
    if authority and MENTIONED.search(authority[0]):
        problems.say("url", "A secret can be in the path or the query of a URL, not in its host.")


def _texts(rows: Any) -> list[str]:
    return [row["value"] for row in rows or () if isinstance(row, Mapping) and isinstance(row.get("value"), str)]
