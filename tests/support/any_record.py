"""Values of every field type, for hypothesis: what people and programs may send, and what stands in older databases."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from webhookui.core.database import Database
from webhookui.crm import fields
from webhookui.crm.fields import FieldSpec
from webhookui.crm.options import WITH_OPTIONS
from webhookui.people.tables import User

MODULE = "organizations"
OPTIONS = ('A "quoted" one', "Straße", "back\\slash", "%_", "<b>&amp;", "Plain")

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from("ab \t\n\r\u2028\x0b\x00\x7f\x85<>&\"'{}%\\_\U0001f600é"), max_size=30),
    st.sampled_from(
        ["\nfirst", "two\r\nlines", "\n\n", "  blanks  ", "</textarea><b>", "a\rb", "x" * 1000, "{{ name }}"]
    ),
)
NUMBERS = st.one_of(
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False, places=6),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.sampled_from(
        ["1e26", "1E-7", "1.500", "-0", "1,250.50", 10**22 - 1, 10**22, "9" * 28, "0.1234567890123456789012345678"]
    ),
)
DAYS = st.one_of(st.dates().map(str), st.sampled_from(["0001-01-01", "9999-12-31", "2026-02-30"]))
TIMES = st.one_of(
    st.datetimes().map(lambda time: time.isoformat()),
    st.datetimes().map(lambda time: time.isoformat() + "Z"),
    st.sampled_from(
        ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-02T00:00:00Z", "9999-12-30T23:59:59Z", "0999-06-01T12:00:00Z",
         "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-03-29T01:30:15+01:00", "0001-01-01T00:00:00+14:00"]
    ),
)  # fmt: skip
CHOICES = st.lists(st.sampled_from([*OPTIONS, "No option"]), max_size=4)
IDS = st.sampled_from([None, 1, 2, 3, "1", 999_999, 2_000_000_000, 2**70])

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS, "long_text": TEXTS, "number": NUMBERS, "currency": NUMBERS, "checkbox": st.booleans(), "date": DAYS,
    "datetime": TIMES, "picklist": st.sampled_from(OPTIONS), "multi_picklist": CHOICES,
    "email": st.one_of(st.emails(), st.sampled_from(["Zoë@Exämple.com", "a@b.c"])),
    "phone": st.from_regex(r"[+\d][\d\s().\-/]{3,12}", fullmatch=True),
    "url": st.sampled_from(["example.com/a b", "HTTPS://Exämple.com/ä?q=<1>", "http://[::1]:8/", "https://example.com/%zz#x"]),
    "reference": IDS, "user": IDS,
}  # fmt: skip
"""Type → what is sent for it; much of it is refused."""

ANY = {f"any_{name}": strategy for name, strategy in VALUES.items()}


def add_fields(db: Database, by: User) -> None:
    """A custom field of every type, `any_TYPE`, on MODULE."""
    with db.write() as session:
        for kind in VALUES:
            options = OPTIONS if kind in WITH_OPTIONS else ()
            if kind == "multi_picklist":
                options = tuple(option for option in options if "," not in option and ";" not in option)
            wish = FieldSpec(f"Any {kind}", kind, f"any_{kind}", options, MODULE, in_list=True)
            fields.add(session, MODULE, wish, by)
