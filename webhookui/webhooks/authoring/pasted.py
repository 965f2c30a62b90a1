"""A body that was pasted, as what a webhook's document says of it (specification section 4.6), checked by building it again.

Every paste comes through here. A body that rows would not say the same comes over as it is, as RAW; what RAW would change is
refused in words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhookui.webhooks.authoring import meaning
from webhookui.webhooks.authoring.sample import SampleProblem, parameters_from_sample, root_name
from webhookui.webhooks.authorization import authorize
from webhookui.webhooks.body_text import body_text
from webhookui.webhooks.definition import RAW
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.request import Context, Request, RequestError, build_request
from webhookui.webhooks.stored import parameter_document
from webhookui.webhooks.templating.template import Schema


class PasteProblem(Exception):
    """What was pasted can't be taken over; the text is for people."""


def request_of(document: Mapping[str, Any]) -> Request:
    """What a webhook of this document sends, as it will be saved and built. Raises PasteProblem with what is against it."""
    errors: dict[str, str] = {}
    complete = {"title": "Pasted", "url": "https://pasted.example/", "method": "POST", **document}
    webhook = parse_webhook(complete, "", errors, Schema({}), {}, {})
    if webhook is None:
        raise PasteProblem(next(iter(errors.values())))
    try:
        return authorize(build_request(webhook, Context({})), webhook.authorization)
    except RequestError as error:
        raise PasteProblem(str(error)) from None


@dataclass(frozen=True)
class PastedBody:
    """`document`: content_type with parameters, and xml_root; or media_type and body. `why_raw`: what rows could not say."""

    document: dict[str, Any]
    why_raw: str = ""


def body_of(body: bytes, kind: str, header: str) -> PastedBody:
    """`kind`: the content type that it is read as, RAW for what rows can't make. `header`: its Content-Type header.

    Raises PasteProblem.
    """
    if kind == RAW:
        return PastedBody(_as_it_is(body, kind, header))
    try:
        return PastedBody(_as_rows(body, kind, header))
    except PasteProblem as problem:
        if not meaning.is_readable(kind, body, header):
            raise
        try:
            return PastedBody(_as_it_is(body, kind, header), str(problem))
        except PasteProblem:
            raise problem from None


def _as_rows(body: bytes, kind: str, header: str) -> dict[str, Any]:
    text = _text(body)
    try:
        rows = parameters_from_sample(text, kind)
        document: dict[str, Any] = {"content_type": kind, "parameters": [parameter_document(row) for row in rows]}
        if kind == "XML":
            document["xml_root"] = root_name(text)
    except SampleProblem as problem:
        raise PasteProblem(str(problem)) from None
    if not meaning.same_body(kind, body, request_of(document).body or b"", header):
        raise PasteProblem(_why_not(body, kind, header))
    return document


def _as_it_is(body: bytes, kind: str, header: str) -> dict[str, Any]:
    document = {"content_type": RAW, "media_type": header, "body": literal_body(_text(body)), "parameters": []}
    if not meaning.same_body(kind, body, request_of(document).body or b"", header):
        raise PasteProblem(_why_not(body, kind, header))
    return document


def literal_body(text: str) -> str:
    """The template of a body that has this text, whatever looks like a placeholder in it."""
    if not re.search(r"\{[{%#]", text):
        return text
    return "{% raw %}" + text + "{% endraw %}"


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PasteProblem("It is not UTF-8.") from None


def _why_not(body: bytes, kind: str, header: str) -> str:
    read_as = body_text(body, header)
    if kind == "XML" and read_as and read_as.charset != "UTF-8":
        return f"It claims to be {read_as.charset}, but what was pasted is UTF-8."
    if kind == RAW:
        return "It would be sent in the charset that its type names, but what was pasted is UTF-8."
    return f"As {kind}, it contains something that can’t be sent unchanged."
