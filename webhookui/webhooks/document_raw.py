"""RAW in an action's document: its media type and body, and what has no place beside them (specification sections 4.2 and 10)."""

import re
from collections.abc import Mapping
from typing import Any

from webhookui.webhooks.definition import RAW, Webhook
from webhookui.webhooks.problems import Problems
from webhookui.webhooks.raw_body import MAX_RAW_TEMPLATE, media_type_problem, raw_body_problem
from webhookui.webhooks.templating.template import Schema, check_body

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_WORDS_OF_JINJA = {
    "and", "else", "elif", "endfor", "endif", "false", "for", "if", "import", "in", "is", "loop", "none", "not", "or", "self",
    "set", "true",
}  # fmt: skip


def check_raw(problems: Problems, webhook: Webhook, schema: Schema, related_schemas: Mapping[str, Schema]) -> None:
    media_type, body = webhook.media_type, webhook.body
    if webhook.content_type != RAW:
        for key, text in (("media_type", media_type), ("body", body)):
            if text:
                problems.say(
                    key, f"Only {RAW} has this; with {webhook.content_type}, the body is made of the parameters."
                )
        return
    if webhook.method == "GET":
        problems.say(
            "content_type", f"A GET has no body: choose another method than GET, or another content type than {RAW}."
        )
    _check_beside(problems, webhook, schema)
    problem = media_type_problem(media_type) if media_type else "Enter the media type, such as text/plain."
    problems.say_if("media_type", problem)
    if not body:
        problems.say("body", "Enter the body.")
        return
    lists = {
        group.key: _behind(related_schemas[group.module])
        for group in webhook.related
        if group.module in related_schemas
    }
    wrong = check_body(body, Schema({**schema.fields, **lists}, alone=schema.alone), MAX_RAW_TEMPLATE)
    problems.say_if("body", wrong or ("" if problem else raw_body_problem(body, media_type)))


def _behind(schema: Schema) -> Any:
    return lambda: schema


def _check_beside(problems: Problems, webhook: Webhook, schema: Schema) -> None:
    if webhook.parameters:
        problems.say("parameters", f"{RAW} has a body of its own and no parameters.")
    for position, header in enumerate(webhook.headers):
        if header.name.lower() == "content-type":
            problems.say(f"headers.{position}.name", f"With {RAW} the media type is the Content-Type: remove this row.")
    related = webhook.related
    for position, group in enumerate(related):
        if group.parameters:
            problems.say(
                f"related.{position}.parameters", f"With {RAW}, the body itself refers to the related records."
            )
        if not _NAME.fullmatch(group.key) or group.key in _WORDS_OF_JINJA:
            problems.say(
                f"related.{position}.key",
                "With RAW, a key must be a word that the body can use: letters, digits and _.",
            )
        elif group.key in schema.fields:
            problems.say(f"related.{position}.key", f"“{group.key}” is already a placeholder: choose another key.")
        elif any(group.key == other.key for other in related[:position]):
            problems.say(f"related.{position}.key", f"“{group.key}” is listed twice.")
