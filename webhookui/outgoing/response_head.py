"""The head of an HTTP/1.1 answer, read in linear time, within a size, up to the final one (RFC 9112, RFC 9110 section 15.2).

http.client passes over no interim answer but 100 (Continue), bounds a line and the number of header lines where the whole has to
be bounded, and reads header fields with the e-mail parser, which takes a fifth of the time that an exchange takes.
"""

import re
from email.parser import Parser
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead, LineTooLong, UnknownProtocol
from typing import Any, BinaryIO

HEAD_LIMIT = 65536
"""Bytes of an answer's status line and headers, those of its interim answers included; and of what follows its last chunk."""
LONGEST_LINE = 65536
"""Bytes of one line; the standard library's limit."""
MOST_HEADERS = 100

Fields = list[tuple[str, str]]

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FOLD = re.compile(r"[ \t]*[\r\n]+[ \t]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;.*)?", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,18}")
_FRAMING = ("connection", "content-length", "keep-alive", "proxy-connection", "transfer-encoding")
"""What http.client and urllib3 ask the headers for."""


class HeadTooLarge(HTTPException):
    """The status line and headers of an answer are longer than HEAD_LIMIT, or more than MOST_HEADERS."""


class _BoundedHead:
    """Reads lines of a stream until there were too many bytes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = HEAD_LIMIT
        self.ended = False
        """Whether the connection ended within the head."""

    def readline(self, size: int = LONGEST_LINE + 1) -> bytes:
        line: bytes = self._stream.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise HeadTooLarge(f"more than {HEAD_LIMIT // 1024} KiB of headers")
        self.ended = not line.endswith(b"\n")
        return line

    def close(self) -> None:
        self._stream.close()


def read_fields(stream: BinaryIO | _BoundedHead) -> Fields:
    """The header fields up to the empty line (RFC 9112 section 5), as they were sent. Raises HTTPException.

    A head with lines that are not plainly `name: value` is read by the e-mail parser, which knows what was once allowed.
    """
    lines: list[bytes] = []
    fields: Fields = []
    while True:
        line = stream.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise LineTooLong("header line")
        if line in (b"\r\n", b"\n", b""):
            break
        lines.append(line)
        if len(lines) > MOST_HEADERS:
            raise HeadTooLarge("more than a hundred headers")
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t\r\n")
        if colon and _NAME.fullmatch(name) and not (b"\r" in value or b"\0" in value):
            fields.append((name.decode("ascii"), value.decode("iso-8859-1")))
    if len(fields) < len(lines):
        parsed = Parser(_class=HTTPMessage).parsestr((b"".join(lines) + b"\r\n").decode("iso-8859-1"))
        return [(name, _FOLD.sub(" ", str(value)).strip(" \t")) for name, value in parsed.items()]
    return fields


class FinalResponse(HTTPResponse):
    """http.client's response, but for its head and the lines between its chunks.

    `fields`: all header fields, in order. `misframed`: why nobody can tell where its body ends; empty when one can.
    """

    fields: Fields = []
    misframed = ""

    def begin(self) -> None:
        if self.headers is not None:
            return
        stream = self.fp
        head = _BoundedHead(stream)
        self.fp = head  # type: ignore[assignment]
        try:
            version, status, reason, self.fields = self._final_head()
        finally:
            if self.fp is not None:  # it is None when the connection was closed
                self.fp = stream
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise UnknownProtocol(version)
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.headers = self.msg = HTTPMessage()
        framing: dict[str, list[str]] = {}
        for name, value in self.fields:
            if (lower := name.lower()) in _FRAMING:
                framing.setdefault(lower, []).append(value)
        self._frame(framing)
        if head.ended:
            self.misframed = "it ends within its headers"

    def _final_head(self) -> tuple[str, int, str, Fields]:
        """Version, status, reason and fields of the first answer that is not interim. 101 ends HTTP: nothing follows it."""
        passed_over = False
        while True:
            try:
                version, status, reason = self._read_status()  # type: ignore[attr-defined]
            except ConnectionError:
                if passed_over:  # it has begun: this is no connection that was closed before it was used
                    raise IncompleteRead(b"") from None
                raise
            fields = read_fields(self.fp)
            if not 100 <= status < 200 or status == 101:
                return version, status, reason, fields
            passed_over = True

    def _frame(self, framing: dict[str, list[str]]) -> None:
        """Where the body ends (RFC 9112 section 6.3)."""
        lengths = {length.strip() for value in framing.pop("content-length", ()) for length in value.split(",")}
        for name, values in framing.items():
            for value in values:
                self.headers[name] = value
        coding = ", ".join(framing.get("transfer-encoding", ()))
        self.chunked = coding.strip().lower() == "chunked"
        self.chunk_left = None
        self.will_close = self._check_close()  # type: ignore[attr-defined]
        self.length = None
        if self.status in (204, 304) or 100 <= self.status < 200 or self._method == "HEAD":  # type: ignore[attr-defined]
            self.length = 0
            self.will_close = self.will_close or self.status == 101
        elif coding and not self.chunked:
            self.misframed = f"it comes in the transfer coding “{coding}”"[:100]
        elif lengths and not coding:
            length = lengths.pop()
            if lengths or not _LENGTH.fullmatch(length):
                self.misframed = f"its length is given as “{', '.join(sorted({length, *lengths}))}”"[:100]
            else:
                self.length = int(length)
                self.headers["content-length"] = length
        if self.length is None and not self.chunked:
            self.will_close = True

    def _read_next_chunk_size(self) -> int:
        """http.client takes whatever `int` takes: a sign, blanks, underscores."""
        line = self.fp.readline(LONGEST_LINE + 1)
        match = _CHUNK_SIZE.fullmatch(line.rstrip(b"\r\n"))
        if match is None or len(line) > LONGEST_LINE:
            self._close_conn()  # type: ignore[attr-defined]
            raise ValueError("no size of a chunk")
        return int(match[1], 16)

    def _read_and_discard_trailer(self) -> None:
        """http.client would read them without end."""
        stream = _BoundedHead(self.fp)
        while stream.readline() not in (b"\r\n", b"\n", b""):
            pass
