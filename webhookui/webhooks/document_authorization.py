"""The authorization in an action's document: what may be saved, and what it can't stand beside
(specification sections 4.4 and 10)."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from webhookui.core.urls import url_problem
from webhookui.webhooks.definition import AUTHORIZATIONS, MASK, Authorization, Webhook
from webhookui.webhooks.header_names import header_name_problem
from webhookui.webhooks.problems import PLACEHOLDER, Problems, sentence
from webhookui.webhooks.request import CONTROL, CONTROL_IN_HEADER

AT = "authorization."


def check_authorization(problems: Problems, authorization: Authorization, document: Any) -> None:
    """`document`: what of it was written, since each type has keys of its own."""
    kind = AUTHORIZATIONS[authorization.type]
    for key in document if isinstance(document, dict) else ():
        if key not in ("type", *kind.keys):
            problems.say(AT + key, f"There is no key “{key}” here.")
    for key in kind.plain:
        text = getattr(authorization, "in_" if key == "in" else key)
        if key in ("name", "token_url", "client_id") and not text.strip():
            problems.say(AT + key, "This is required.")
        elif key != "name" and CONTROL.search(text):  # a header's name has a rule of its own
            problems.say(AT + key, "A line break or control character can't be sent.")
    if authorization.type == "api_key" and authorization.in_ == "header" and authorization.name:
        problems.say_if(AT + "name", _key_header_problem(authorization.name))
    if ":" in authorization.username:
        problems.say(
            AT + "username", "A user name can't contain a colon: what follows it would be taken for the password."
        )
    if authorization.token_url:
        problems.say_if(AT + "token_url", sentence(url_problem(authorization.token_url)))
    if kind.secret:
        problems.say_if(AT + kind.secret, _secret_problem(authorization, getattr(authorization, kind.secret)))
        if authorization.secrets.get("username") == "":
            problems.say(AT + "username", "Enter a user name or a password: one of the two may be empty, not both.")


def _key_header_problem(name: str) -> str:
    if name.lower() == "content-type":
        return f"{name} can't be set: it says what the body is."
    return header_name_problem(name)


def check_collisions(problems: Problems, webhook: Webhook) -> None:
    """What an authorization adds must not stand in the request already: one of the two would be lost, or both be sent."""
    authorization = webhook.authorization
    if authorization.type == "api_key" and authorization.in_ == "query":
        query = urlsplit(PLACEHOLDER.sub("x", webhook.url)).query
        names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
        if webhook.method == "GET":
            names += [*(row.name for row in webhook.parameters), *(group.key for group in webhook.related)]
        if authorization.name and authorization.name in names:
            problems.say("authorization.name", f"“{authorization.name}” is already in the query.")
        return
    name = authorization.name if authorization.type == "api_key" else "Authorization"
    if authorization.type == "none" or not name:
        return
    for position, header in enumerate(webhook.headers):
        if header.name.lower() == name.lower():
            problems.say(f"headers.{position}.name", f"The authorization already sets {name}: remove one of the two.")


def _secret_problem(authorization: Authorization, secret: str | None) -> str:
    """Why the secret can't be sent where it goes; empty when it can, or when a preview has masked it."""
    if not secret:
        return "" if secret == "" and authorization.type == "basic" else "Enter a value."
    if secret == MASK:
        return ""
    key_in_header = authorization.type == "api_key" and authorization.in_ == "header"
    if (CONTROL_IN_HEADER if key_in_header else CONTROL).search(secret):
        return "A line break or control character can't be sent."
    foreign = re.search(r"[^\t\x20-\x7e]", secret) if authorization.type == "bearer" or key_in_header else None
    return f"The character “{foreign.group()}” can't be sent in a header." if foreign else ""
