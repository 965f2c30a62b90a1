"""Numbers in a JSON column, sorted and compared by the database without a digit being lost (specification section 2).

PostgreSQL's numeric is exact. SQLite reads a JSON number as a float, of 15 digits; there a text that sorts as the numbers do
stands for each. Beside `db` and `text_index`, the only module that knows which database it is.
"""

import re
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Column, Numeric, String, cast, func
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

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


def sort_key_of_json(text: str) -> str | None:
    """The key of the first number of a JSON list; None for what is no number. SQLite calls it `sort_key`."""
    try:
        return sort_key(Decimal(text[1:].partition(",")[0]))
    except ArithmeticError:
        return None


class ExactNumber(TypeDecorator[Any]):
    """What `json_number` is, and what it is compared with."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: int | Decimal | None, dialect: Dialect) -> Any:
        return sort_key(value) if dialect.name == "sqlite" and value is not None else value


class CarriedNumber(ExactNumber):
    """A `json_number` that was read before, as text, to be compared with others: on SQLite its key, else its digits."""

    cache_ok = True

    @staticmethod
    def checked(text: str) -> str:
        """Raises ValueError for a text that neither database has said."""
        if re.fullmatch(r"[01]|[02][0-9]{4,}~?|-?[0-9]+(\.[0-9]+)?(E[+-]?[0-9]{1,4})?", text) is None:
            raise ValueError
        return text

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if dialect.name == "sqlite" or value is None else Decimal(str(value).rstrip("~"))


class _JsonNumber(FunctionElement[Any]):
    type = ExactNumber()
    inherit_cache = True


def json_number(column: Column[Any], key: str) -> FunctionElement[Any]:
    """The number under a key of a JSON object, NULL where there is none. The key has no quotation marks."""
    return _JsonNumber(column[key].as_string(), column, f'$."{key}"')


@compiles(_JsonNumber)
def _numeric(element: _JsonNumber, compiler: Any, **options: Any) -> str:
    text, _column, _path = element.clauses
    sql: str = compiler.process(cast(text, Numeric()), **options)
    return sql


@compiles(_JsonNumber, "sqlite")
def _key_of_sqlite(element: _JsonNumber, compiler: Any, **options: Any) -> str:
    _text, column, path = element.clauses
    # Asked for two paths, SQLite answers with a list, in which numbers are written as they stand; for one, with a float.
    sql: str = compiler.process(func.sort_key(func.json_extract(column, path, path, type_=JSON())), **options)
    return sql
