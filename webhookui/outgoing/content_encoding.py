"""Content codings that are asked for and unpacked (RFC 9110 section 8.4.1): one of them, once, within a size.

A chain of them is a bomb's way of hiding. What else comes (br, zstd) was not asked for, and stays as it came.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

ASKED_FOR = "gzip, deflate"
UNPACKED = ("gzip", "x-gzip", "deflate")
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


def packed_as(headers: Iterable[Sequence[str]]) -> str:
    """The content coding that a body still has because it was not asked for; empty when it has none."""
    coding = coding_of(headers)
    return "" if coding in ("", "identity", *UNPACKED) else coding


def coding_of(headers: Iterable[Sequence[str]]) -> str:
    """What Content-Encoding says, in lower case."""
    return ", ".join(value for name, value in headers if name.lower() == "content-encoding").strip().lower()


class EndsTooEarly(Exception):
    """The compressed data has no end."""


class Unpacker:
    """Unpacks a body piece by piece."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding != "deflate"
        self._start = b""
        self._stream: Any = zlib.decompressobj(_GZIP) if self._gzip else None

    def unpack(self, data: bytes, most: int) -> bytes:
        """What `data` adds, `most` bytes at the most, beyond which nothing can be unpacked any more. Raises zlib.error."""
        if self._stream is None:
            data = self._start = self._start + data
            if len(data) < 2:
                return b""
            self._stream = zlib.decompressobj(_ZLIB if _is_zlib(data) else _RAW)
        unpacked: bytes = self._stream.decompress(data, most)
        while self._gzip and self._stream.eof and self._stream.unused_data and len(unpacked) < most:
            rest = self._stream.unused_data
            if not rest.startswith(b"\x1f"):
                break  # no further member (RFC 1952 section 2.2) but padding
            self._stream = zlib.decompressobj(_GZIP)
            unpacked += self._stream.decompress(rest, most - len(unpacked))
        return unpacked

    def finish(self) -> None:
        """After the last piece, of which there was at least one. Raises EndsTooEarly."""
        if self._stream is None or not self._stream.eof:
            raise EndsTooEarly("the compressed data ends too early")


def _is_zlib(data: bytes) -> bool:
    """Some services send deflate as RFC 9110 has it, in the format of zlib, and some without."""
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
