"""JSON with exact decimals, as it is stored, sent and read everywhere."""

from decimal import Decimal
from typing import Any

import simplejson

_COMPACT = simplejson.JSONEncoder(use_decimal=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_EXACT = simplejson.JSONDecoder(parse_float=Decimal, allow_nan=False)
# Made once: simplejson would make one for every call with arguments other than its own.


def dumps(value: Any) -> str:
    """Compact, as UTF-8 text; a Decimal keeps its digits."""
    text: str = _COMPACT.encode(value)
    return text


def loads(value: str | bytes) -> Any:
    """Numbers with a fraction or an exponent become Decimals. Raises ValueError."""
    return _EXACT.decode(value if isinstance(value, str) else value.decode())
