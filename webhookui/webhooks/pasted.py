"""A body that was pasted, as what a webhook's document says of it (SPEC section 4.6), checked by building it again.

Every paste comes through here: what would not be sent the same is refused in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from webhookui.webhooks import meaning
from webhookui.webhooks.authorization import authorize
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.request import Context, Request, RequestError, build_request
from webhookui.webhooks.sample import SampleProblem, parameters_from_sample, root_name
from webhookui.webhooks.template import Schema


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


def body_document(body: bytes, kind: str, charset: str = "") -> dict[str, Any]:
    """The document's keys for a body: content_type, parameters, and xml_root. Raises PasteProblem.

    `kind`: the content type that the body is read as. `charset`: the one that its Content-Type header names.
    """
    try:
        text = body.decode()
        rows = parameters_from_sample(text, kind)
        if not rows:
            raise PasteProblem(f"{text.strip()[:60]} has nothing that could be a parameter.")
        document: dict[str, Any] = {"content_type": kind, "parameters": [asdict(row) for row in rows]}
        if kind == "XML":
            document["xml_root"] = root_name(text)
        built = request_of(document).body or b""
    except SampleProblem as problem:
        raise PasteProblem(str(problem)) from None
    except UnicodeDecodeError:
        raise PasteProblem("It is not UTF-8.") from None
    if not meaning.same_body(kind, body, built, charset):
        raise PasteProblem(f"As {kind} it has something that parameter rows can’t express.")
    return document
