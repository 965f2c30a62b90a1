"""Numbers and days as people write them (specification section 2)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookui.people.formats import DEFAULT, FORMATS, NotANumber

EXAMPLES = {
    "en": "1,250.50 · 31 Dec 2026 14:30", "en-US": "1,250.50 · Dec 31, 2026 2:30 PM", "iso": "1,250.50 · 2026-12-31 14:30",
    "cs": "1 250,50 · 31. 12. 2026 14:30", "nl": "1.250,50 · 31-12-2026 14:30", "fr": "1 250,50 · 31/12/2026 14:30",
    "de": "1.250,50 · 31.12.2026 14:30", "de-CH": "1'250.50 · 31.12.2026 14:30", "it": "1.250,50 · 31/12/2026 14:30",
    "pl": "1 250,50 · 31.12.2026 14:30", "sv": "1 250,50 · 2026-12-31 14:30",
}  # fmt: skip
PLAIN = str.maketrans({"\u00a0": " ", "\u202f": " ", "’": "'"})


def test_the_menu_shows_how_each_format_writes() -> None:
    assert {name: each.example.translate(PLAIN) for name, each in FORMATS.items()} == EXAMPLES


@pytest.mark.parametrize(
    ("name", "typed", "number"),
    [
        ("en", "1,250", "1250"), ("en", "1,250.50", "1250.50"), ("en", "12.5", "12.5"), ("en", "1 250.5", "1250.5"),
        ("en", ".5", "0.5"), ("en", "1e3", "1e3"), ("en", "5.", "5"),
        ("de", "1,250", "1.250"), ("de", "1.250", "1250"), ("de", "1.250,50", "1250.50"), ("de", "12,5", "12.5"),
        ("de", "1 250,50", "1250.50"), ("de", "-1.234.567", "-1234567"), ("de", "−7", "-7"),
        ("cs", "12,5", "12.5"), ("cs", "1 250,50", "1250.50"), ("cs", "1\u00a0250,50", "1250.50"), ("cs", "1.250,50", "1250.50"),
        ("cs", "1.250.000", "1250000"), ("fr", "1\u202f250,5", "1250.5"), ("fr", "1\u00a0250", "1250"),
        ("de-CH", "1’250.50", "1250.50"), ("de-CH", "1'250.50", "1250.50"), ("sv", " 7 ", "7"),
    ],
)  # fmt: skip
def test_what_people_type_is_read_in_their_format(name: str, typed: str, number: str) -> None:
    assert FORMATS[name].read_number(typed) == number


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("en", "12,5"), ("en", "1.250,50"), ("en", "1,25,000"), ("de", "12.5"), ("de", "1,250.50"), ("cs", "1.250"),
        ("cs", "12.5"),
        ("de", "1.25"), ("de", "1 250.000,5"), ("en", "1 2 5"), ("en", "abc"), ("en", "--1"), ("en", "1,2.5"), ("en", "٣"),
        ("de-CH", "1,250"), ("en", "."), ("de", ","), ("en", "nan"), ("en", "1_000"),
    ],
)  # fmt: skip
def test_what_could_be_meant_otherwise_is_refused_and_the_way_to_write_it_said(name: str, typed: str) -> None:
    with pytest.raises(NotANumber) as refused:
        FORMATS[name].read_number(typed)
    assert FORMATS[name].number(Decimal("1250.50")) in str(refused.value)


NUMBERS = st.one_of(
    st.integers(-(10**21), 10**21),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=6),
)


@given(value=NUMBERS, name=st.sampled_from(sorted(FORMATS)))
def test_what_is_shown_is_read_as_the_same_number(value: int | Decimal, name: str) -> None:
    style = FORMATS[name]
    for shown in (
        style.number(value),
        style.control(value),
        style.control_text(format(value, "f") if isinstance(value, Decimal) else str(value)),
    ):
        assert Decimal(style.read_number(shown)) == Decimal(value)


@given(day=st.dates())
def test_every_day_of_the_calendar_can_be_shown(day: date) -> None:
    for style in FORMATS.values():
        assert style.show_day(day)


def test_times_leave_out_what_today_says() -> None:
    today = date(2026, 7, 1)
    at = datetime(2026, 7, 1, 9, 5, 7)
    english, german = FORMATS[DEFAULT], FORMATS["de"]
    assert english.show_time(at, today) == "09:05" and english.show_time(at, today, exact=True) == "09:05:07"
    assert english.show_time(datetime(2026, 3, 2, 9, 5), today) == "2 Mar 09:05"
    assert english.show_time(datetime(2025, 3, 2, 9, 5), today) == "2 Mar 2025 09:05"
    assert german.show_time(datetime(2026, 3, 2, 9, 5), today) == "02.03.2026 09:05"


@pytest.mark.parametrize(
    ("name", "code", "shown"),
    [
        ("en", "EUR", "-€1,250.50"), ("de", "EUR", "-1.250,50 €"), ("cs", "CZK", "-1 250,50 Kč"), ("en", "CZK", "-CZK 1,250.50"),
        ("nl", "EUR", "-€ 1.250,50"), ("de-CH", "CHF", "-CHF 1'250.50"), ("en", "", "-1,250.50"), ("en", "JPY", "-¥1,250.50"),
    ],
)  # fmt: skip
def test_amounts_have_the_currency_where_the_format_puts_it(name: str, code: str, shown: str) -> None:
    assert FORMATS[name].amount(Decimal("-1250.50"), code).translate(PLAIN) == shown
