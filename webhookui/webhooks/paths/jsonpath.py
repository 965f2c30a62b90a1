"""JSONPath: RFC 9535 first, jsonpath-ng's extended dialect for what the RFC does not have (specification section 5)."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import simplejson
from jsonpath_rfc9535 import JSONPathError

from webhookui.webhooks.body_text import text_of
from webhookui.webhooks.paths import jsonpath_extended
from webhookui.webhooks.paths.jsonpath_rfc import Exact, compile_query, with_decimals
from webhookui.webhooks.paths.path_error import MAX_PATH, PathError

RFC, EXTENDED = "RFC 9535", "extended"

_SIMPLE = re.compile(r"[^?,`]*")
"""No filter, no union, no function."""


@lru_cache(maxsize=1024)
def compiled(path: str) -> tuple[str, Callable[[Any], list[Any]]]:
    """(dialect, a function from a document to the values found, in order). Raises PathError."""
    if len(path) > MAX_PATH:
        raise PathError(f"At most {MAX_PATH} characters.")
    try:
        query = compile_query(path)
    except RecursionError:
        raise PathError("It is nested too deeply.") from None
    except (JSONPathError, ValueError, IndexError) as error:
        token = getattr(error, "token", None)
        message = re.sub(r",? line \d+, column \d+$", "", str(error))
        return EXTENDED, jsonpath_extended.compiled(path, PathError(message, token.index + 1 if token else None))
    return RFC, lambda document: [node.value for node in query.find(document)]


def is_simple(path: str) -> bool:
    """Whether the path takes no longer than reading the response does, whatever the response is."""
    return bool(_SIMPLE.fullmatch(path)) and path.count("..") <= 1


def find(path: str, body: bytes) -> list[Any]:
    """The values that the path selects in a JSON body, numbers exact. Raises PathError, ValueError (no JSON)."""
    _dialect, select = compiled(path)
    document = read(body)
    try:
        return [with_decimals(value) for value in select(document)]
    except (JSONPathError, ArithmeticError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise PathError(f"The path fails on this response: {error}") from None


def read(body: bytes) -> Any:
    """A JSON body. Raises ValueError: for a name that stands twice in an object, too, since which one is meant nobody knows."""
    try:
        return simplejson.loads(text_of(body), parse_float=Exact, allow_nan=False, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"The name “{twice[:60]}” appears twice in one object.")
    return members
