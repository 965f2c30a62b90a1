"""Response heads read without the e-mail parser, which takes a fifth of the time that an exchange takes.

Heads whose lines are all plain `name: value` are read here; anything else goes to the standard library as before.
"""

from __future__ import annotations

import http.client
import re
from email.parser import Parser
from http.client import HTTPException, HTTPMessage, HTTPResponse, LineTooLong
from types import FunctionType
from typing import Any, BinaryIO

LONGEST_LINE = 65536
"""Bytes of one header line; the standard library's limit."""
MOST_HEADERS = 100
_PLAIN = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\x00]*?)[ \t]*\r?\n")


def read_head(fp: BinaryIO) -> HTTPMessage:
    """The header fields up to the empty line (RFC 9112 section 5). Raises HTTPException for too many or too long ones."""
    lines: list[bytes] = []
    plain: list[tuple[str, str]] = []
    while True:
        line = fp.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise LineTooLong("header line")
        if line in (b"\r\n", b"\n", b""):
            break
        lines.append(line)
        if len(lines) > MOST_HEADERS:
            raise HTTPException(f"got more than {MOST_HEADERS} headers")
        match = _PLAIN.fullmatch(line)
        if match is not None:
            plain.append((match[1].decode("ascii"), match[2].decode("iso-8859-1")))
    if len(plain) < len(lines):
        return Parser(_class=HTTPMessage).parsestr((b"".join(lines) + b"\r\n").decode("iso-8859-1"))
    message = HTTPMessage()
    for name, value in plain:
        message[name] = value
    message.set_payload("")
    return message


class QuickHeadResponse(HTTPResponse):
    """The standard library's response; only what it reads its header fields with is another."""

    begin: Any = FunctionType(HTTPResponse.begin.__code__, vars(http.client) | {"parse_headers": read_head}, "begin")
