"""From a webhook and a context to the exact request (specification section 4): what the preview shows and every attempt sends."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from webhookui.core.urls import dot_segment, normalized, url_problem, with_query
from webhookui.webhooks import naming
from webhookui.webhooks.content_types import CONTENT_TYPES, NotEncodable
from webhookui.webhooks.definition import RAW, Parameter, Related, Webhook
from webhookui.webhooks.form_body import Rows, form_pairs
from webhookui.webhooks.naming import LEFT_OUT, Segment
from webhookui.webhooks.raw_body import kind_of, names_in, raw_body
from webhookui.webhooks.secret_values import PLAIN, QUERY, URL, marked, named
from webhookui.webhooks.templating.budget import limited
from webhookui.webhooks.templating.reasons import reason
from webhookui.webhooks.templating.template import (
    TemplateProblem,
    is_constant,
    render_json,
    render_text,
    render_url,
    render_value,
)
from webhookui.webhooks.values import as_text, is_empty, number_of, plain

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""All but the tab, which may stand within a header's value (RFC 9110 section 5.5)."""
MAX_BODY = 10 * 2**20
"""Bytes."""
SAFE_IN_HEADER = "%/:?#[]@!$&'()*+,;=-._~ \t\"<>\\^`{|}"


@dataclass(frozen=True)
class Request:
    """A request without authorization and signature. `notes`: what else to know, such as a cut of related records.

    `query`: what the parameters of a GET have made, which is in the URL as well.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    notes: tuple[str, ...] = ()
    query: str | None = None


class RequestError(Exception):
    """The request can't be built from these values; no retry can help. `at`: the place in the action's document."""

    def __init__(self, at: str, message: str) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True)
class Context:
    """What placeholders stand for. `related(module)`: its records' values, a list or one or None. `notes` may grow."""

    values: Mapping[str, Any]
    related: Callable[[str], Any] = lambda _module: None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Payload:
    """What an earlier request carried: a body with its content type, or the `query` of a GET."""

    method: str
    content_type: str | None
    body: bytes | None
    query: str | None = None


def build_request(webhook: Webhook, context: Context, payload: Payload | None = None) -> Request:
    """`payload`: what goes out in the place of one that is made of the parameters.

    Raises RequestError, whatever a value, a template or a setting causes: it is called inside a record's save.
    """
    try:
        with limited():
            escape = _escape(webhook)
            hidden, context = marked(webhook, escape), _with_secrets(webhook, context, escape)
            return _built(hidden, context) if payload is None else _readdressed(hidden, context, payload)
    except RequestError:
        raise
    except Exception as error:
        raise RequestError("", f"The request can't be built: {reason(error)}") from error


def _escape(webhook: Webhook) -> str:
    """How a secret is written into what the parameters make, or into a body of one's own."""
    if webhook.method == "GET":
        return QUERY
    is_raw = webhook.content_type == RAW
    return (kind_of(webhook.media_type) if is_raw else CONTENT_TYPES[webhook.content_type]).escape


def _with_secrets(webhook: Webhook, context: Context, escape: str) -> Context:
    """The context with `{{ secret.name }}` for parameter rows, those of related records included."""
    if not webhook.secrets:
        return context

    def related(module: str) -> Any:
        related_values = context.related(module)
        if isinstance(related_values, list):
            return [named(webhook, values, escape) for values in related_values]
        return None if related_values is None else named(webhook, related_values, escape)

    return Context(named(webhook, context.values, escape), related, context.notes)


def _built(webhook: Webhook, context: Context) -> Request:
    url = _url(webhook, context)
    headers = _headers(webhook, context)
    if webhook.method == "GET":
        added = "&".join(f"{name}={text}" for name, text in _query(webhook, context))
        return Request("GET", normalized(with_query(url, added)), headers, None, tuple(context.notes), added)
    body = _raw(webhook, context) if webhook.content_type == RAW else _body(webhook, context)
    if len(body) > MAX_BODY:
        raise RequestError("parameters", f"The body is larger than {MAX_BODY // 2**20} MiB; nothing was sent.")
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        media_type = (
            webhook.media_type if webhook.content_type == RAW else CONTENT_TYPES[webhook.content_type].media_type
        )
        headers = (("Content-Type", media_type), *headers)
    return Request(webhook.method, url, headers, body or None, tuple(context.notes))


def _readdressed(webhook: Webhook, context: Context, payload: Payload) -> Request:
    """The payload of then, to the address and with the headers of now. A body and a query are not made into each other."""
    url = _url(webhook, context)
    headers = _headers(webhook, context)
    if payload.method == "GET":
        return Request("GET", normalized(with_query(url, payload.query or "")), headers, None, (), payload.query)
    headers = tuple(header for header in headers if header[0].lower() != "content-type")
    if payload.content_type is not None:
        headers = (("Content-Type", payload.content_type), *headers)
    method = payload.method if webhook.method == "GET" else webhook.method
    return Request(method, url, headers, payload.body)


def _url(webhook: Webhook, context: Context) -> str:
    try:
        url = render_url(webhook.url, named(webhook, context.values, URL)).strip()
    except TemplateProblem as problem:
        raise RequestError("url", f"URL to Notify: {problem}") from None
    if CONTROL.search(url):
        raise RequestError("url", "URL to Notify has a control character in it.")
    wrong = url_problem(url) or (dot_segment(url) if "{" in webhook.url else "")
    if wrong:
        raise RequestError("url", f"URL to Notify: {wrong}")
    return normalized(url)


def _headers(webhook: Webhook, context: Context) -> tuple[tuple[str, str], ...]:
    """The header rows. One that its placeholders leave without a value is left out; one that was typed empty is sent so."""
    headers = []
    for position, header in enumerate(webhook.headers):
        at = f"headers.{position}.value"
        try:
            value = render_text(header.value, named(webhook, context.values, PLAIN)).strip()
        except TemplateProblem as problem:
            raise RequestError(at, f"Header {header.name}: {problem}") from None
        if CONTROL_IN_HEADER.search(value):
            raise RequestError(
                at, f"Header {header.name}: a line break or control character can't be sent in a header."
            )
        try:
            value.encode("latin-1")
        except UnicodeEncodeError:
            value = quote(value, safe=SAFE_IN_HEADER)
        if value or (is_constant(header.value) and header.name.lower() != "content-type"):
            headers.append((header.name, value))
    return tuple(headers)


def _body(webhook: Webhook, context: Context) -> bytes:
    """The body; no bytes when there is nothing to send (specification section 4.2)."""
    if not webhook.parameters and not webhook.related:
        return b""
    rows = _placed(webhook, context)
    try:
        return CONTENT_TYPES[webhook.content_type].encode(rows, webhook.xml_root, webhook.list_style or "indexed")
    except NotEncodable as error:
        raise RequestError("parameters", str(error)) from None


def _raw(webhook: Webhook, context: Context) -> bytes:
    """A body of one's own, in which the records of a related module stand under its key."""
    spoken_of = names_in(webhook.body)
    related = {group.key: context.related(group.module) for group in webhook.related if group.key in spoken_of}
    try:
        values = {name: context.values[name] for name in spoken_of if name in context.values}
        return raw_body(webhook.body, webhook.media_type, values | related, MAX_BODY)
    except (TemplateProblem, NotEncodable) as problem:
        raise RequestError("body", f"Body: {problem}") from None


def _placed(webhook: Webhook, context: Context) -> Rows:
    """(place, value) of every row, those of the related modules' keys last."""
    rows: Rows = [*_rows(webhook.parameters, context.values, "parameters")]
    for position, related in enumerate(webhook.related):
        value = _related_value(related, position, context)
        rows.append((_segments(related.key), value))
    return rows


def _related_value(related: Related, position: int, context: Context) -> Any:
    """An array of objects for a to-many relation, an object or null for a to-one reference."""
    related_values = context.related(related.module)
    at = f"related.{position}.parameters"
    if related_values is None:
        return None
    if isinstance(related_values, list):
        return [naming.nest(_rows(related.parameters, values, at, related.key)) for values in related_values]
    return naming.nest(_rows(related.parameters, related_values, at, related.key))


def _rows(
    parameters: Sequence[Parameter], values: Mapping[str, Any], at: str, key: str = ""
) -> list[tuple[tuple[Segment, ...], Any]]:
    return [
        (_segments(parameter.name), parameter_value(parameter, values, f"{at}.{position}.value", key))
        for position, parameter in enumerate(parameters)
    ]


@lru_cache(maxsize=4096)
def _segments(name: str) -> tuple[Segment, ...]:
    return naming.split(name)


def _query(webhook: Webhook, context: Context) -> list[tuple[str, str]]:
    """Encoded parameters of a GET: names are taken literally; related modules come in brackets behind their key."""
    pairs: list[tuple[str, str]] = []
    for position, parameter in enumerate(webhook.parameters):
        value = parameter_value(parameter, context.values, f"parameters.{position}.value")
        if value is LEFT_OUT:
            continue
        if webhook.list_style is None:  # a list is one text, as it is everywhere in running text
            value = as_text(value)
        pairs += form_pairs(value, quote_plus(parameter.name, safe="[]"), webhook.list_style or "indexed")
    for position, related in enumerate(webhook.related):
        value = _related_value(related, position, context)
        pairs += form_pairs(value, quote_plus(related.key), webhook.list_style or "indexed")
    return pairs


def parameter_value(parameter: Parameter, values: Mapping[str, Any], at: str, key: str = "") -> Any:
    """The JSON value of a row, or LEFT_OUT. `key`: that of the related module whose row it is. Raises RequestError."""
    name = f"{key}.{parameter.name}" if key else parameter.name
    try:
        value = (render_json if parameter.type == "json" else render_value)(parameter.value, values)
    except TemplateProblem as problem:
        raise RequestError(at, f"Parameter {name}: {problem}") from None
    except (ValueError, RecursionError, NotEncodable) as error:
        raise RequestError(at, f"Parameter {name}: the result is not JSON ({error}).") from None
    if is_empty(value):
        if parameter.required:
            raise RequestError(at, f"The required parameter {name} is empty; nothing was sent.")
        if parameter.omit_empty:
            return LEFT_OUT
    try:
        return _FORCE[parameter.type](value)
    except (ValueError, InvalidOperation):
        shown = as_text(value)[:60]
        raise RequestError(at, f"Parameter {name}: “{shown}” is not {_WORD[parameter.type]}.") from None


def _number(value: Any) -> int | Decimal | None:
    if is_empty(value):
        return None
    if isinstance(value, bool | list | dict):
        raise ValueError
    if isinstance(value, int | Decimal):
        return value
    return number_of(as_text(value))


def _boolean(value: Any) -> bool | None:
    if is_empty(value):
        return None
    if isinstance(value, bool):
        return value
    word = as_text(value).strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError


_FORCE: dict[str, Callable[[Any], Any]] = {
    "auto": lambda value: value,
    "text": as_text,
    "number": _number,
    "boolean": _boolean,
    "json": plain,
}
_WORD = {"number": "a number", "boolean": "true or false", "json": "JSON"}
