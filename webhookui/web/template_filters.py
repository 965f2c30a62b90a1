"""What templates may use besides the macros of `_ui.html`: times in the user's zone, numbers, the frame's menu."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, url_for
from flask_login import current_user
from markupsafe import Markup

from webhookui.crm.catalog import catalog
from webhookui.crm.field_types import in_zone, iso_time, typed_time
from webhookui.current_installation import read
from webhookui.delivery.states import STATUSES
from webhookui.web.highlighting import folded, highlighted


def zone() -> ZoneInfo:
    """The logged-in user's time zone."""
    name = current_user.time_zone if current_user.is_authenticated else "UTC"
    return ZoneInfo(name)


def local_time(value: datetime | None, form: str = "") -> Markup:
    """A `<time>` in the user's zone, exact in its title. `form`: "long" has seconds."""
    if value is None:
        return Markup("–")
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    here_and_now = datetime.now(zone())
    local, today = in_zone(value, zone()), here_and_now.date()
    pattern = "%H:%M:%S" if form == "long" else "%H:%M"
    if local.date() != today:
        pattern = ("%-d %b " if local.year == today.year else "%-d %b %Y ") + pattern
    exact, shown = f"{local.isoformat(' ')[:19]} {local.tzname()}", local.strftime(pattern)
    return Markup(f'<time datetime="{iso_time(value)}" title="{exact}">{shown}</time>')  # noqa: S704 - digits and names of months


def local_date(value: date | str | None) -> Markup:
    if not value:
        return Markup("–")
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), day.strftime("%-d %b %Y"))


def stored_time(value: str | None) -> Markup:
    """A date-time field's stored value."""
    return local_time(typed_time(value) if value else None)


def number(value: Any) -> str:
    """With thousands apart."""
    if value is None:
        return ""
    if isinstance(value, str):  # in words already
        return value
    return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(
        local_time=local_time, local_date=local_date, stored_time=stored_time, number=number, highlighted=highlighted,
        folded=folded,
    )  # fmt: skip
    app.jinja_env.globals["STATUSES"] = STATUSES
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(_frame)


def _frame() -> dict[str, Any]:
    """What the frame of every page needs."""
    icons = url_for("bootstrap.static", filename="icons/bootstrap-icons.svg")
    if not current_user.is_authenticated:
        return {"modules": (), "icons": icons}
    with read() as session:
        return {"modules": tuple(catalog(session).modules.values()), "icons": icons}
