"""The services of the application that answers the current request."""

from __future__ import annotations

from contextlib import AbstractContextManager

from flask import current_app
from sqlalchemy.orm import Session

from webhookui.db import Database
from webhookui.installation import Installation


def installation() -> Installation:
    here: Installation = current_app.extensions["webhookui"]
    return here


def db() -> Database:
    return installation().db


def read() -> AbstractContextManager[Session]:
    return db().read()


def write() -> AbstractContextManager[Session]:
    return db().write()
