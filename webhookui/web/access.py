"""Who may open a page: everybody who is logged in, unless it is marked."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint
from flask_login import current_user
from sqlalchemy.orm import Session

from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery.tables import Delivery
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


def takes_file(view: View) -> View:
    """Takes a body as large as a CSV file may be (the setting `import_limit`)."""
    view.takes_file = True  # type: ignore[attr-defined]
    return view


class AdminPages(Blueprint):
    """Pages that need an admin, each of them."""

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **more: Any
    ) -> None:
        super().add_url_rule(rule, endpoint, admin_only(view_func), *args, **more)


def may_read_delivery(session: Session, delivery: Delivery) -> bool:
    """The log is the admins'; the owner of a record may look into its own deliveries, which mails and the bell link to."""
    record_id = delivery.record_id or 0
    return me().is_admin or records.owners_of(session, [record_id]).get(record_id) == me().id


def me() -> User:
    """The logged-in user."""
    user: User = current_user.user
    return user


def actor() -> Actor:
    """The logged-in user as the one who saves."""
    user = me()
    return Actor("person", user.name, user.id)
