"""The services of the application that answers the current request, and what its doors share."""

from __future__ import annotations

from contextlib import AbstractContextManager

from flask import current_app
from sqlalchemy.orm import Session
from werkzeug.routing import IntegerConverter

from webhookui.db import Database
from webhookui.installation import Installation

LONGEST_ID = 15
"""Digits of a number that stands for a row: what both databases can compare."""


class RowId(IntegerConverter):
    """`<int:…>` in a route: a number that no row can have is not found, rather than too large for the database."""

    regex = rf"[0-9]{{1,{LONGEST_ID}}}"


def row_id(text: str) -> int:
    """The number of a row in a query or form. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_ID):
        raise ValueError(f"“{text[:20]}” is not the number of a row.")
    return int(text)


def installation() -> Installation:
    here: Installation = current_app.extensions["webhookui"]
    return here


def db() -> Database:
    return installation().db


def read() -> AbstractContextManager[Session]:
    return db().read()


def write() -> AbstractContextManager[Session]:
    return db().write()
