"""Secrets taken out of what a third party says: it may say back what it was sent (specification section 4.4).

A secret is known in the forms that programs give it: as it is, percent-encoded, escaped for JSON, HTML or XML, and for Basic
Authentication in base64. Of less than four characters it can't be told from the rest; of less than eight it counts only where
it stands alone, so that the password "test" leaves "latest" as it is.
"""

import html
import json
import re
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from urllib.parse import quote, quote_plus

from webhookui.webhooks.definition import MASK

_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
SHORTEST, ANYWHERE = 4, 8
"""Characters from which a secret is looked for where it stands alone, and anywhere."""

_ENCODED: tuple[Callable[[str], str], ...] = (
    str,
    quote_plus,
    quote,
    lambda text: quote(text, safe=""),
    lambda text: re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quote_plus(text)),
    lambda text: re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quote(text, safe="")),
)
_ESCAPED: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1].replace("/", "\\/"),
    lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    lambda text: re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False)[1:-1]),
    html.escape,
    lambda text: html.escape(text, quote=False),
    lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    lambda text: html.escape(text).replace("&#x27;", "&#039;"),
    lambda text: html.escape(text).replace("&#x27;", "&apos;"),
)


class Redaction:
    """Puts the mask in the place of some secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in forms_of(secret)}
        self._text = _text_pattern(forms)
        self._data = _data_pattern(forms)
        self._forms = forms
        self.finds_nothing = not forms

    @cached_property
    def _wide(self) -> list[tuple[str, re.Pattern[bytes]]]:
        """Made when it is needed: hardly a body has a null in it."""
        return [(charset, _wide_pattern(self._forms, charset)) for charset in _WIDE] if self._forms else []

    def text(self, text: str) -> str:
        return self._text.sub(MASK, text) if self._text else text

    def data(self, data: bytes) -> bytes:
        """The same of bytes in whatever charset; the mask is in UTF-8 where they are, and of asterisks where not."""
        if b"\0" in data:
            for charset, pattern in self._wide:
                if pattern.search(data) is not None:
                    data = pattern.sub(("*" * len(MASK)).encode(charset), data)
        if self._data is None or self._data.search(data) is None:
            return data
        try:
            data.decode()
        except UnicodeDecodeError:
            return self._data.sub(b"*" * len(MASK), data)
        return self._data.sub(MASK.encode(), data)


@lru_cache(maxsize=512)
def redaction(secrets: tuple[str, ...]) -> Redaction:
    """The redaction of these secrets; made once, for its forms are many."""
    return Redaction(secrets)


def forms_of(secret: str) -> set[str]:
    """How the secret may be written."""
    escaped = {escape(encode(secret)) for encode in _ENCODED for escape in _ESCAPED}
    return escaped | {json.dumps(form)[1:-1] for form in escaped}  # a text of JSON inside JSON


def _is_latin(text: str) -> bool:
    return not text.isascii() and all(ord(character) < 256 for character in text)


def _text_pattern(forms: Iterable[str]) -> re.Pattern[str] | None:
    """The longest first, so that none is left half of."""
    parts = [_part(re.escape(form), len(form)) for form in sorted(forms, key=len, reverse=True)]
    return re.compile("|".join(parts)) if parts else None


def _data_pattern(forms: Iterable[str]) -> re.Pattern[bytes] | None:
    parts: list[bytes] = []
    for form in sorted(forms, key=len, reverse=True):
        encodings = {form.encode("utf-8", "replace"), form.encode("latin-1") if _is_latin(form) else b""} - {b""}
        parts += [_part(re.escape(encoding).decode("latin-1"), len(form)).encode("latin-1") for encoding in encodings]
    return re.compile(b"|".join(parts)) if parts else None


def _wide_pattern(forms: Iterable[str], charset: str) -> re.Pattern[bytes]:
    """In a charset of two or four bytes for a character. What stands around a short one is looked at in the same charset."""
    alphanumeric = b"[A-Za-z0-9]"
    null = re.escape("a".encode(charset)).replace(b"a", alphanumeric)
    parts = []
    for form in sorted(forms, key=len, reverse=True):
        part = re.escape(form.encode(charset, "replace"))
        parts.append(part if len(form) >= ANYWHERE else b"(?<!" + null + b")" + part + b"(?!" + null + b")")
    return re.compile(b"|".join(parts))


def _part(escaped: str, length: int) -> str:
    return escaped if length >= ANYWHERE else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"


NOTHING_SECRET = Redaction(())
