"""Numbers that any database sorts and compares as text, without a digit being lost (specification section 2)."""

from decimal import Decimal

_MIDDLE = 5000
"""Above every exponent of a number that can be stored, as a number below zero."""
_NINES = str.maketrans("0123456789", "9876543210")


def sort_key(number: int | Decimal) -> str:
    """Sign, exponent, digits: equal numbers have the same key, the key of a lesser one sorts before."""
    value = Decimal(number)
    if not value:
        return "1"
    key = f"{value.adjusted() + _MIDDLE:04d}" + "".join(map(str, value.as_tuple().digits)).rstrip("0")
    return f"2{key}" if value > 0 else f"0{key.translate(_NINES)}~"


def number_of(key: str) -> Decimal:
    """The number whose key it is, exactly."""
    if key == "1":
        return Decimal(0)
    digits = key[1:] if key[0] == "2" else key[1:-1].translate(_NINES)
    return Decimal(f"{'' if key[0] == '2' else '-'}0.{digits[4:]}E{int(digits[:4]) - _MIDDLE + 1}")
