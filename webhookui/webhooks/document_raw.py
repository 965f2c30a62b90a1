"""RAW in an action's document: its media type and body, and what has no place beside them (specification sections 4.2 and 10)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from webhookui.webhooks.definition import Parameter, Related
from webhookui.webhooks.document_reader import DocumentReader
from webhookui.webhooks.raw_body import MAX_RAW_TEMPLATE, RAW, media_type_problem, raw_body_problem
from webhookui.webhooks.templating.template import Schema, check_body

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_WORDS_OF_JINJA = {
    "and", "else", "elif", "endfor", "endif", "false", "for", "if", "import", "in", "is", "loop", "none", "not", "or", "self",
    "set", "true",
}  # fmt: skip


def parse_raw(
    reader: DocumentReader,
    document: Mapping[str, Any],
    sent_as: tuple[str, str],
    parameters: Sequence[Parameter],
    related: Sequence[Related],
    schema: Schema,
    related_schemas: Mapping[str, Schema],
) -> tuple[str, str]:
    """(media type, template of the body); both empty for every other content type. `sent_as`: method and content type."""
    media_type, body = reader.text(document, "media_type").strip(), reader.text(document, "body")
    method, content_type = sent_as
    if content_type != RAW:
        for key, text in (("media_type", media_type), ("body", body)):
            if text:
                reader.say(key, f"Only {RAW} has this; with {content_type}, the body is made of the parameters.")
        return "", ""
    if method == "GET":
        reader.say(
            "content_type", f"A GET has no body: choose another method than GET, or another content type than {RAW}."
        )
    _check_beside(reader, document, parameters, related, schema)
    problem = media_type_problem(media_type) if media_type else "Enter the media type, such as text/plain."
    reader.say_if("media_type", problem)
    if not body:
        reader.say("body", "Enter the body.")
        return media_type, body
    lists = {group.key: _behind(related_schemas[group.module]) for group in related if group.module in related_schemas}
    wrong = check_body(body, Schema({**schema.fields, **lists}, alone=schema.alone), MAX_RAW_TEMPLATE)
    reader.say_if("body", wrong or ("" if problem else raw_body_problem(body, media_type)))
    return media_type, body


def _behind(schema: Schema) -> Any:
    return lambda: schema


def _check_beside(
    reader: DocumentReader,
    document: Mapping[str, Any],
    parameters: Sequence[Parameter],
    related: Sequence[Related],
    schema: Schema,
) -> None:
    if parameters:
        reader.say("parameters", f"{RAW} has a body of its own and no parameters.")
    for position, row in reader.objects(document.get("headers"), "headers"):
        if str(row.get("name")).strip().lower() == "content-type":
            reader.say(f"headers.{position}.name", f"With {RAW} the media type is the Content-Type: remove this row.")
    for position, group in enumerate(related):
        if group.parameters:
            reader.say(f"related.{position}.parameters", f"With {RAW}, the body itself refers to the related records.")
        if not _NAME.fullmatch(group.key) or group.key in _WORDS_OF_JINJA:
            reader.say(
                f"related.{position}.key",
                "With RAW, a key must be a word that the body can use: letters, digits and _.",
            )
        elif group.key in schema.fields:
            reader.say(f"related.{position}.key", f"“{group.key}” is already a placeholder: choose another key.")
        elif any(group.key == other.key for other in related[:position]):
            reader.say(f"related.{position}.key", f"“{group.key}” is listed twice.")
