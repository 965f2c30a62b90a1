"""*Copy as cURL* (specification section 7): a command for a POSIX shell (bash, zsh) that sends the same request,
secrets left out."""

import re
from collections.abc import Sequence

_SET_BY_CURL = {"content-length", "host", "connection", "accept-encoding", "transfer-encoding"}
_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "'": r"\'", "\\": r"\\"}
_LONGEST = 65536
"""Bytes of a body that a command line takes; Linux ends at twice that, and a terminal long before."""


def fits_command(body: bytes | None) -> bool:
    """Whether the body can stand in the command itself. A shell can't pass a NUL byte on, nor an endless argument."""
    return body is None or (len(body) <= _LONGEST and b"\0" not in body)


def copy_as_curl(
    method: str, url: str, headers: Sequence[Sequence[str]], body: bytes | None, body_file: str = "body"
) -> str:
    """`headers` as the log keeps them: what is secret is masked there, and stays masked here.

    A body that does not fit the command is read from `body_file`, the name under which it is downloaded.
    """
    globbing = "-g " if re.search(r"[\[\]{}]", url) else ""  # or curl would take a[0] for a range of URLs
    parts = [f"curl {globbing}-X {_quoted(method)} {_quoted(url)}"]
    parts += [
        f"-H {_quoted(f'{name}: {value}' if value else f'{name};')}"
        for name, value in headers
        if name.lower() not in _SET_BY_CURL
    ]
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        parts.append("-H Content-Type:")  # or curl would call it a form
    if body and fits_command(body):
        parts.append(f"--data-raw {_quoted_bytes(body)}")  # --data-binary would take a leading @ for a file's name
    elif body:
        parts.append(f"--data-binary @{_quoted(body_file)}")
    return " \\\n  ".join(parts)


def _quoted(text: str) -> str:
    if re.fullmatch(r"[\w@%+=:,./-]+", text, re.ASCII) and not text.startswith("@"):
        return text
    if not re.search(r"[\x00-\x1f\x7f]", text):
        return "'" + text.replace("'", "'\\''") + "'"
    return "$'" + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _as_bytes(c.encode())) for c in text) + "'"


def _as_bytes(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def _quoted_bytes(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return (
            "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else _as_bytes(bytes([b])) for b in body) + "'"
        )
    return _quoted(text)
