"""The services of the application that answers the current request, and what its doors share."""

from __future__ import annotations

from contextlib import AbstractContextManager

from flask import current_app
from sqlalchemy.orm import Session
from werkzeug.routing import IntegerConverter

from webhookui.db import Database, row_number
from webhookui.installation import Installation


class RowId(IntegerConverter):
    """`<int:…>` in a route: a number that no row can have is not found, rather than too large for the database."""

    # The bound is in the pattern: for one that is checked after the match, Werkzeug answers 405 to other methods than GET.
    regex = r"1?[0-9]{1,9}"


def row_id(text: str) -> int:
    """The number of a row in a query or form. Raises ValueError."""
    number = row_number(text)
    if number is None:
        raise ValueError(f"“{text[:20]}” is not the number of a row.")
    return number


def installation() -> Installation:
    here: Installation = current_app.extensions["webhookui"]
    return here


def db() -> Database:
    return installation().db


def read() -> AbstractContextManager[Session]:
    return db().read()


def write() -> AbstractContextManager[Session]:
    return db().write()
