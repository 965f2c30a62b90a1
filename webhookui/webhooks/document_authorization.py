"""The authorization in an action's document: what may be saved, and what it can't stand beside
(specification sections 4.4 and 10)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from webhookui.core.urls import url_problem
from webhookui.webhooks.authorization import AUTHORIZATIONS, CLIENT_AUTHENTICATIONS, MASK, secrets_of_basic
from webhookui.webhooks.definition import Authorization, Header
from webhookui.webhooks.document_reader import PLACEHOLDER, DocumentReader
from webhookui.webhooks.header_names import header_name_problem
from webhookui.webhooks.request import CONTROL, CONTROL_IN_HEADER


def parse_authorization(reader: DocumentReader, value: Any, stored: Mapping[str, str]) -> Authorization:
    """The authorization of an action. `stored`: what null stands for, by the key of the secret."""
    if value is None:
        return Authorization()
    if not isinstance(value, Mapping):
        reader.say("authorization", "This must be an object with a type.")
        return Authorization()
    path = "authorization."
    kind = AUTHORIZATIONS[reader.choice(value, "type", tuple(AUTHORIZATIONS), "none", path)]
    reader.refuse_unknown(value, {"type", *kind.plain, *([kind.secret] if kind.secret else [])}, path)
    plain = {key: reader.text(value, key, path) for key in kind.plain}
    for key in ("name", "token_url", "client_id"):
        if key in kind.plain and not plain[key].strip():
            reader.say(path + key, "This is required.")
    for key, text in plain.items():
        if key != "name" and CONTROL.search(text):  # a header's name has a rule of its own
            reader.say(path + key, "A line break or control character can't be sent.")
    if ":" in plain.get("username", ""):
        reader.say(
            path + "username", "A user name can't contain a colon: what follows it would be taken for the password."
        )
    if "in" in kind.plain:
        plain["in"] = reader.choice(value, "in", ("header", "query"), "header", path)
        if plain["in"] == "header" and plain["name"]:
            reader.say_if(path + "name", _key_header_problem(plain["name"]))
    if "client_authentication" in kind.plain:
        plain["client_authentication"] = reader.choice(
            value, "client_authentication", tuple(CLIENT_AUTHENTICATIONS), "basic", path
        )
    if plain.get("token_url") and url_problem(plain["token_url"]):
        problem = url_problem(plain["token_url"])
        reader.say(path + "token_url", problem[0].upper() + problem[1:])
    secrets: dict[str, str | None] = {}
    if kind.secret:
        secret = value.get(kind.secret)
        secret = stored.get(kind.secret) if secret is None else secret
        if not isinstance(secret, str) or not (secret or kind.name == "basic"):
            reader.say(path + kind.secret, "Enter a value.")
        elif kind.name == "basic" and not secret and not plain["username"]:
            reader.say(path + "username", "Enter a user name or a password: one of the two may be empty, not both.")
        elif problem := _unsendable(kind.name, plain, secret):
            reader.say(path + kind.secret, problem)
        typed = secret if isinstance(secret, str) else None
        secrets = secrets_of_basic(plain["username"], typed) if kind.name == "basic" else {kind.secret: typed}
    return Authorization(
        kind.name, plain.get("username", ""), plain.get("in", "header"), plain.get("name", ""), plain.get("token_url", ""),
        plain.get("client_id", ""), plain.get("scope", ""), secrets, plain.get("audience", ""),
        plain.get("client_authentication", "basic"),
    )  # fmt: skip


def _key_header_problem(name: str) -> str:
    if name.lower() == "content-type":
        return f"{name} can't be set: it says what the body is."
    return header_name_problem(name)


def check_collisions(
    reader: DocumentReader,
    authorization: Authorization,
    headers: Sequence[Header],
    url: str,
    in_query: Sequence[str],
) -> None:
    """What an authorization adds must not stand in the request already: one of the two would be lost, or both be sent."""
    if authorization.type == "api_key" and authorization.in_ == "query":
        written = [name for name, _ in parse_qsl(urlsplit(PLACEHOLDER.sub("x", url)).query, keep_blank_values=True)]
        if authorization.name and authorization.name in [*in_query, *written]:
            reader.say("authorization.name", f"“{authorization.name}” is already in the query.")
        return
    name = authorization.name if authorization.type == "api_key" else "Authorization"
    if authorization.type == "none" or not name:
        return
    for position, header in enumerate(headers):
        if header.name.lower() == name.lower():
            reader.say(f"headers.{position}.name", f"The authorization already sets {name}: remove one of the two.")


def _unsendable(kind: str, plain: Mapping[str, str], secret: str) -> str:
    """Why a secret can't stand where it is to be sent; empty when it can, or when a preview has masked it."""
    if secret == MASK:
        return ""
    key_in_header = kind == "api_key" and plain["in"] == "header"
    if (CONTROL_IN_HEADER if key_in_header else CONTROL).search(secret):
        return "A line break or control character can't be sent."
    foreign = re.search(r"[^\t\x20-\x7e]", secret) if kind == "bearer" or key_in_header else None
    return f"The character “{foreign.group()}” can't be sent in a header." if foreign else ""
