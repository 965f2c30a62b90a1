"""The services of the application that answers the current request, and what its doors share."""

import re
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy.orm import Session
from werkzeug.routing import IntegerConverter

from webhookui.core.database import Database, row_number
from webhookui.installation import Installation


class RowId(IntegerConverter):
    """`<int:…>` in a route: a number that no row can have is not found, rather than too large for the database."""

    # The bound is in the pattern: for one that is checked after the match, Werkzeug answers 405 to other methods than GET.
    regex = r"1?[0-9]{1,9}"


def row_id(text: str) -> int:
    """The number of a row in a query or form. Raises ValueError."""
    number = row_number(text)
    if number is None:
        raise ValueError(f"“{text[:20]}” is not a valid id.")
    return number


def own_page(path: str) -> str:
    """A path of this application to go to, as a request asks for it: never another host's, and nothing but a path. Else "/"."""
    return path if re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f-\x9f\u2028\u2029]*", path) else "/"


def page_of(url: str) -> str:
    """Path and query of a page's address, as a browser says where it is; empty when it is no address."""
    try:
        page = urlsplit(url)
    except ValueError:
        return ""
    return page.path + (f"?{page.query}" if page.query else "")


def installation() -> Installation:
    current: Installation = current_app.extensions["webhookui"]
    return current


def db() -> Database:
    return installation().db


def read() -> AbstractContextManager[Session]:
    return db().read()


def write() -> AbstractContextManager[Session]:
    return db().write()
