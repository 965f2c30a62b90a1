"""Who calls: `Authorization: Bearer TOKEN`. Records are for everybody, workflows and deliveries for admins."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import g, request

from webhookui.api.errors import ApiError
from webhookui.crm.records import Actor
from webhookui.current_installation import read, write
from webhookui.people import tokens
from webhookui.people.tables import User

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = {"api.openapi_document"}


def require_token() -> None:
    """Before every call. Raises ApiError 401."""
    if request.endpoint in PUBLIC:
        return
    g.user = user_of_request()


def user_of_request() -> User:
    """The user whose token the request carries. Raises ApiError 401."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise ApiError(401, "unauthorized", "Send a token: Authorization: Bearer TOKEN.")
    with read() as session:
        user_and_token = tokens.user_of(session, token.strip())
    if user_and_token is None:
        raise ApiError(401, "unauthorized", "This token is unknown, or its user is deactivated.")
    user, used = user_and_token
    if tokens.needs_note(used):
        with write() as session:
            tokens.note_use(session, used.id or 0)
    return user


def me() -> User:
    user: User = g.user
    return user


def actor() -> Actor:
    return Actor("api", me().name, me().id)


def check_admin() -> None:
    """Raises ApiError 403."""
    if not me().is_admin:
        raise ApiError(403, "forbidden", "This needs an admin's token.")


def admin_only(view: View) -> View:
    """Refuses users who are not admins with 403."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        check_admin()
        return view(*args, **kwargs)

    return checked  # type: ignore[return-value]
