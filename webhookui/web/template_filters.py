"""What templates may use besides the macros of `_ui.html`: times in the user's zone, numbers, the frame's menu."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, g, url_for
from flask_login import current_user
from markupsafe import Markup

from webhookui.crm.catalog import catalog
from webhookui.crm.field_types import in_zone, iso_time, typed_time
from webhookui.current_installation import read
from webhookui.delivery.states import STATUSES
from webhookui.people import currency
from webhookui.people.formats import Format, format_of
from webhookui.web.highlighting import folded, highlighted


def zone() -> ZoneInfo:
    """The logged-in user's time zone."""
    name = current_user.time_zone if current_user.is_authenticated else "UTC"
    return ZoneInfo(name)


def user_format() -> Format:
    """How the logged-in user writes numbers and dates."""
    return format_of(current_user.locale if current_user.is_authenticated else None)


def local_time(value: datetime | None, form: str = "") -> Markup:
    """A `<time>` in the user's zone, exact in its title. `form`: "long" has seconds."""
    if value is None:
        return Markup("–")
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    local, today = in_zone(value, zone()), datetime.now(zone()).date()
    shown = user_format().show_time(local, today, exact=form == "long")
    exact = f"{local.isoformat(' ')[:19]} {local.tzname()}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso_time(value), exact, shown)


def local_date(value: date | str | None) -> Markup:
    if not value:
        return Markup("–")
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), user_format().show_day(day))


def stored_time(value: str | None) -> Markup:
    """A date-time field's stored value."""
    return local_time(typed_time(value) if value else None)


def number(value: Any) -> str:
    """With thousands apart."""
    if value is None:
        return ""
    if isinstance(value, str):  # in words already
        return value
    return user_format().number(value)


def amount(value: Any) -> str:
    """A number with the installation's currency."""
    return number(value) if value is None or isinstance(value, str) else user_format().amount(value, _currency())


def currency_symbol() -> str:
    """That of the installation's currency, for an input; empty for none."""
    code = _currency()
    return user_format().symbol(code) if code else ""


def _currency() -> str:
    if "currency" not in g:
        with read() as session:
            g.currency = currency.currency(session)
    return str(g.currency)


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(
        local_time=local_time, local_date=local_date, stored_time=stored_time, number=number, amount=amount,
        highlighted=highlighted, folded=folded,
    )  # fmt: skip
    app.jinja_env.globals.update(STATUSES=STATUSES, currency_symbol=currency_symbol, user_format=user_format)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(_frame)


def _frame() -> dict[str, Any]:
    """What the frame of every page needs."""
    icons = url_for("bootstrap.static", filename="icons/bootstrap-icons.svg")
    if not current_user.is_authenticated:
        return {"modules": (), "icons": icons}
    with read() as session:
        return {"modules": tuple(catalog(session).modules.values()), "icons": icons}
