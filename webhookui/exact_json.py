"""JSON with exact decimals, as it is stored, sent and read everywhere."""

from __future__ import annotations

from typing import Any

import simplejson


def dumps(value: Any) -> str:
    """Compact, as UTF-8 text; a Decimal keeps its digits."""
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def loads(value: str | bytes) -> Any:
    """Numbers with a fraction or an exponent become Decimals. Raises ValueError."""
    return simplejson.loads(value, use_decimal=True, allow_nan=False)
