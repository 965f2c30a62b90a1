"""Following a path in this process: the values, within bounds of number and size (specification section 5)."""

from collections.abc import Mapping
from typing import Any

from webhookui.core import exact_json
from webhookui.webhooks.paths import jsonpath, xpath
from webhookui.webhooks.paths.path_error import PathError

MAX_VALUES = 1000
"""Matches of one path that are looked at."""
MAX_SIZE = 4 << 20
"""Bytes of all of them."""


def evaluate(capture_type: str, path: str, body: bytes, namespaces: Mapping[str, str]) -> list[Any]:
    """The values at a path, MAX_VALUES at the most, however long it takes. Raises PathError, and ValueError when the body is not
    of the kind."""
    try:
        values = xpath.find(path, body, namespaces) if capture_type == "XPATH" else jsonpath.find(path, body)
    except ValueError as error:
        kind = "XML" if capture_type == "XPATH" else "JSON"
        raise ValueError(f"The response can't be read as {kind}: {error}") from None
    left = MAX_SIZE
    for value in values[:MAX_VALUES]:
        try:
            left -= len(exact_json.dumps(value).encode())
        except ValueError:
            raise PathError("The value can't be stored: half a character, or an infinite number.") from None
        if left < 0:
            raise PathError(f"The value is larger than {MAX_SIZE >> 20} MiB.")
    return values[:MAX_VALUES]
