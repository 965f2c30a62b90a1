"""JSONPath: RFC 9535 first, jsonpath-ng's extended dialect for what the RFC does not have (SPEC section 5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import jsonpath_rfc9535
import simplejson
from jsonpath_ng.exceptions import JSONPathError as ExtendedError
from jsonpath_ng.ext import parse as parse_extended
from jsonpath_rfc9535 import JSONPathError

RFC, EXTENDED = "RFC 9535", "extended"
MAX_PATH = 1000


class PathError(Exception):
    """A path that can't be read. `column` counts from 1; None when it is not known."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


class _Exact(float):
    """A number that filters compare as a number and that is given back with its digits."""

    digits: str

    def __new__(cls, digits: str) -> _Exact:
        made = super().__new__(cls, digits)
        made.digits = digits
        return made


@lru_cache(maxsize=1024)
def compiled(path: str) -> tuple[str, Callable[[Any], list[Any]]]:
    """(dialect, a function from a document to the values found, in order). Raises PathError."""
    if len(path) > MAX_PATH:
        raise PathError(f"At most {MAX_PATH} characters.")
    try:
        query = jsonpath_rfc9535.compile(path)
    except JSONPathError as error:
        token = getattr(error, "token", None)
        message = re.sub(r",? line \d+, column \d+$", "", str(error))
        column = token.index + 1 if token is not None else None
        return EXTENDED, _extended(path, PathError(message, column))
    return RFC, lambda document: [node.value for node in query.find(document)]


def _extended(path: str, refused: PathError) -> Callable[[Any], list[Any]]:
    """The path in jsonpath-ng's dialect, when it uses something that only that dialect has."""
    if not _EXTENSIONS.search(path) or not path.startswith("$"):
        raise refused
    try:
        query = parse_extended(path)
    except (ExtendedError, ValueError, TypeError, AttributeError, RecursionError):
        raise refused from None
    return lambda document: [match.value for match in query.find(document)]


_EXTENSIONS = re.compile(
    r"`(len|keys|str\(\)|sub\(.*\)|split\(.*\)|sorted|filter\(.*\)|parent|this|path)`"  # functions in backquotes
    r"|\[\\?[/\\]"  # sorting
    r"|=~"  # regular expressions in filters
    r"|\)\s*[-+*/]\s*|\s[-+*/]\s"  # arithmetic
)


def find(path: str, body: bytes) -> list[Any]:
    """The values that the path selects in a JSON body, numbers exact. Raises PathError, ValueError (no JSON)."""
    _dialect, select = compiled(path)
    try:
        return [_plain(value) for value in select(read(body))]
    except (JSONPathError, ExtendedError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PathError(f"The path fails on this response: {error}") from None


def read(body: bytes) -> Any:
    """A JSON body. Raises ValueError."""
    try:
        return simplejson.loads(body.decode("utf-8-sig"), parse_float=_Exact, allow_nan=False)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None


def _plain(value: Any) -> Any:
    if isinstance(value, _Exact):
        return Decimal(value.digits)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
