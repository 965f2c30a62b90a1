"""The installation's currency: amounts are shown with it (specification section 2). Stored values, programs and files have the
number alone."""

from collections.abc import Mapping
from functools import cache

from babel import Locale
from babel.numbers import get_currency_name, get_territory_currencies
from sqlalchemy.orm import Session

from webhookui.core.errors import Invalid
from webhookui.people import stored_settings
from webhookui.people.tables import User

KEY = "currency"


class InvalidCurrency(Invalid):
    """There is no such currency."""


@cache
def currencies() -> Mapping[str, str]:
    """Code (ISO 4217) → name of those that are legal tender somewhere today, by their codes."""
    lands = (str(land) for land in Locale("en").territories)
    codes = {code for land in lands if len(land) == 2 for code in get_territory_currencies(land)}
    return {code: get_currency_name(code, locale="en") for code in sorted(codes)}


def currency(session: Session) -> str:
    """Its code; empty for none."""
    return stored_settings.value(session, KEY) or ""


def choose(session: Session, code: str, by: User) -> None:
    """Empty: none. Raises InvalidCurrency."""
    if code and code not in currencies():
        raise InvalidCurrency({"currency": "Choose a currency from the list."})
    before = currency(session)
    details = {"currency": [before, code]} if code != before else {}
    stored_settings.save(session, KEY, code or None, "Currency", details, by)
