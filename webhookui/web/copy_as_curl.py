"""*Copy as cURL* (SPEC section 7): a command for a POSIX shell (bash, zsh) that sends the same request, secrets left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SET_BY_CURL = {"content-length", "host", "connection", "accept-encoding", "transfer-encoding"}
_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "'": r"\'", "\\": r"\\"}


def copy_as_curl(method: str, url: str, headers: Sequence[Sequence[str]], body: bytes | None) -> str:
    """`headers` as the log keeps them: what is secret is masked there, and stays masked here."""
    parts = [f"curl -X {_quoted(method)} {_quoted(url)}"]
    parts += [
        f"-H {_quoted(f'{name}: {value}' if value else f'{name};')}"
        for name, value in headers
        if name.lower() not in _SET_BY_CURL
    ]
    if body:
        parts.append(f"--data-raw {_quoted_bytes(body)}")  # --data-binary would take a leading @ for a file's name
    return " \\\n  ".join(parts)


def _quoted(text: str) -> str:
    if re.fullmatch(r"[\w@%+=:,./-]+", text, re.ASCII) and not text.startswith("@"):
        return text
    if not re.search(r"[\x00-\x1f\x7f]", text):
        return "'" + text.replace("'", "'\\''") + "'"
    return "$'" + "".join(_ESCAPES.get(c, c if c.isprintable() else f"\\x{ord(c):02x}") for c in text) + "'"


def _quoted_bytes(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in body) + "'"
    return _quoted(text)
