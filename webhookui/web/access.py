"""Who may open a page: everybody who is logged in, unless it is marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask_login import current_user

from webhookui.crm.records import Actor
from webhookui.people.tables import User

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Needs no login."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def admin_only(view: View) -> View:
    """Needs an admin."""
    view.is_admin_only = True  # type: ignore[attr-defined]
    return view


def me() -> User:
    """The logged-in user."""
    user: User = current_user.user
    return user


def actor() -> Actor:
    """The logged-in user as the one who saves."""
    user = me()
    return Actor("person", user.name, user.id)
