"""Secret header values, parameters and parts of a URL (specification section 4.1): a marker stands for each until it is sent.

A request is built, stored and shown with markers, so that no database, log or page ever holds the secret. A marker is made of
letters and digits, which no encoding changes, and can't be guessed; its last letter says how the secret is to be escaped where
it stands. At the last moment `reveal` puts the secrets in, `veil` the mask for people.
"""

import re
import secrets as random
from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape as xml_escape

from webhookui.core import exact_json
from webhookui.core.urls import dot_segment
from webhookui.webhooks.definition import MASK, Header, Parameter, Webhook

URL, QUERY, PLAIN = "u", "f", "t"
ESCAPES: dict[str, Callable[[str], str]] = {
    "j": lambda text: exact_json.dumps(text)[1:-1],
    "x": lambda text: xml_escape(text, {'"': "&quot;", "'": "&apos;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}),
    QUERY: quote_plus,
    URL: lambda text: quote(text, safe=""),
    PLAIN: str,
}
"""Last letter of a marker → how a secret is written there: in JSON, XML, FORM and queries, a URL, a header or plain text."""

_PREFIX = "wuisecret"
MARKER = re.compile(f"{_PREFIX}([0-9a-f]{{32}})([{''.join(ESCAPES)}])")
_MARKER_BYTES = re.compile(MARKER.pattern.encode())


class SecretGone(Exception):
    """A request has the marker of a secret that its webhook does not have any more."""

    def __init__(self) -> None:
        super().__init__(
            "A secret of this request is no longer part of the webhook; nothing was sent. Redeliver it with the record as it "
            "is now."
        )


def new_marker() -> str:
    return f"{_PREFIX}{random.token_hex(16)}"


class Places:
    """Names the places of secrets in one action, so that an edit finds the stored one: by list, name and number."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def next(self, kind: str, name: str) -> str:
        key = f"{kind}.{name.lower() if kind == 'headers' else name}"
        self._seen[key] += 1
        return key if self._seen[key] == 1 else f"{key}#{self._seen[key]}"


def secret_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(place, path, row) of every row of an action's document whose value is secret. Whatever is malformed is passed over."""
    places = Places()
    for kind, path, rows in _lists(document):
        for position, row in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(row, Mapping) and (kind == "secrets" or row.get("secret") is True):
                name = row.get("name")
                yield places.next(kind, name.strip() if isinstance(name, str) else ""), f"{path}.{position}", row


def _lists(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    yield from ((kind, kind, document.get(kind)) for kind in ("headers", "parameters", "secrets"))
    related = document.get("related")
    for position, group in enumerate(related if isinstance(related, list) else ()):
        if isinstance(group, Mapping):
            key = str(group.get("key") or group.get("module")).strip()
            yield f"related.{key}", f"related.{position}.parameters", group.get("parameters")


def with_markers(webhook: Webhook, markers: Mapping[str, str] | None = None) -> Webhook:
    """The webhook with a marker for each of its secrets; those of the same places keep theirs, `known`."""
    markers = markers or {}
    return replace(webhook, markers={place: markers.get(place) or new_marker() for place in webhook.secret_values})


def marked(webhook: Webhook, escape: str) -> Webhook:
    """The webhook with markers for the values of its secret rows. `escape`: for its parameters."""
    if not webhook.markers:
        return webhook

    places = Places()

    def header(row: Header) -> Header:
        return replace(row, value=webhook.markers[places.next("headers", row.name)] + PLAIN) if row.secret else row

    def rows(parameters: tuple[Parameter, ...], kind: str) -> tuple[Parameter, ...]:
        return tuple(
            replace(row, value=webhook.markers[places.next(kind, row.name)] + escape, type="text")
            if row.secret
            else row
            for row in parameters
        )

    return replace(
        webhook,
        headers=tuple(header(row) for row in webhook.headers),
        parameters=rows(webhook.parameters, "parameters"),
        related=tuple(
            replace(group, parameters=rows(group.parameters, f"related.{group.key}")) for group in webhook.related
        ),
    )


def named(webhook: Webhook, values: Mapping[str, Any], escape: str) -> Mapping[str, Any]:
    """What placeholders stand for, with `secret.name` among it, as markers."""
    if not webhook.secrets:
        return values
    markers = {row.name: webhook.markers[f"secrets.{row.name}"] + escape for row in webhook.secrets}
    return ChainMap({"secret": markers}, values)  # type: ignore[arg-type]  # it is only read


def by_marker(webhook: Webhook) -> Mapping[str, str]:
    """Marker → secret, of those that are known."""
    return {
        marker: webhook.secret_values[place]
        for place, marker in webhook.markers.items()
        if place in webhook.secret_values
    }


def secrets_of(webhook: Webhook) -> dict[str, Any]:
    """The secrets that are known, as they are sealed: the authorization's by their keys, and "values" by their places."""
    secrets: dict[str, Any] = webhook.authorization.secrets
    return {**secrets, "values": dict(webhook.secret_values)} if webhook.secret_values else secrets


def may_be_marked(url: str, headers: Iterable[Sequence[str]], body: bytes | None) -> bool:
    """False when no marker stands in a request, which is what most are: each attempt asks."""
    return (
        _PREFIX in url
        or any(_PREFIX in value for _, value in headers)
        or (body is not None and _PREFIX.encode() in body)
    )


def reveal(text: str, secrets: Mapping[str, str]) -> str:
    """A text of a request as it is sent. Raises SecretGone."""

    def secret(match: re.Match[str]) -> str:
        value = secrets.get(match[0][:-1])
        if value is None:
            raise SecretGone
        return ESCAPES[match[2]](value)

    return MARKER.sub(secret, text)


def reveal_url(url: str, secrets: Mapping[str, str]) -> str:
    """Raises SecretGone; ValueError for a secret that would make the path lead elsewhere."""
    revealed = reveal(url, secrets)
    if revealed != url and dot_segment(revealed):
        raise ValueError(
            "A secret makes “.” or “..” a part of the URL's path, which would lead elsewhere; nothing was sent."
        )
    return revealed


def reveal_body(body: bytes | None, secrets: Mapping[str, str]) -> bytes | None:
    """Raises SecretGone."""
    if body is None or _MARKER_BYTES.search(body) is None:
        return body
    return _MARKER_BYTES.sub(lambda match: reveal(match[0].decode(), secrets).encode(), body)


def veil(text: str) -> str:
    """A text of a request as it is shown."""
    return MARKER.sub(MASK, text)


def veil_body(body: bytes | None) -> bytes | None:
    return body if body is None else _MARKER_BYTES.sub(MASK.encode(), body)
