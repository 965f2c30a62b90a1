"""How a person writes numbers, dates and times: a setting of the account (specification section 2). What is stored, and what
programs, files and templates see, has one form for all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import get_currency_symbol, get_decimal_symbol, get_group_symbol

_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " ") | {"’": "'", "−": "-"})


class NotANumber(ValueError):
    """A text that is no number in a format. The message says how to write one."""


@dataclass(frozen=True)
class Format:
    """One way of writing. `locale`: of Babel, for the signs in numbers and the names of months; `day` and `time`: patterns of
    Unicode TR35; `day_of_this_year`: a shorter pattern where one is usual."""

    name: str
    label: str
    locale: str
    day: str
    day_of_this_year: str = ""
    clock: str = "HH:mm"
    exact_clock: str = "HH:mm:ss"

    @cached_property
    def decimal(self) -> str:
        return get_decimal_symbol(self.locale)

    @cached_property
    def group(self) -> str:
        return get_group_symbol(self.locale)

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as programs write them, but for the groups of thousands."""
        return (self.decimal, self.group) == (".", ",")

    def number(self, value: int | Decimal) -> str:
        """All digits, thousands apart."""
        text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
        return text.translate({ord(","): self.group, ord("."): self.decimal})

    def control(self, value: int | Decimal) -> str:
        """As an input shows it: without groups."""
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        return text.replace(".", self.decimal)

    def control_text(self, text: str) -> str:
        """The same for a number as programs write it; all else as it is."""
        try:
            return text if self.is_plain else FORMATS[DEFAULT].read_number(text).replace(".", self.decimal)
        except NotANumber:
            return text

    def amount(self, value: int | Decimal, currency: str) -> str:
        """With the sign of a currency (ISO 4217), where the locale puts it. Without one, the number alone."""
        if not currency:
            return self.number(value)
        symbol = self.symbol(currency)
        is_spaced = not self.symbol_is_first or symbol[-1].isalpha() or self._currency_pattern.startswith("¤\u00a0")
        gap = "\u00a0" if is_spaced else ""
        number = self.number(value).removeprefix("-")
        shown = f"{symbol}{gap}{number}" if self.symbol_is_first else f"{number}{gap}{symbol}"
        return f"-{shown}" if value < 0 else shown

    def symbol(self, currency: str) -> str:
        return get_currency_symbol(currency, self.locale)

    @property
    def symbol_is_first(self) -> bool:
        return self._currency_pattern.startswith("¤")

    @cached_property
    def _currency_pattern(self) -> str:
        pattern: str = Locale.parse(self.locale).currency_formats["standard"].pattern
        return pattern

    def show_day(self, day: date) -> str:
        return format_date(day, self.day, self.locale)

    def show_time(self, local: datetime, today: date | None = None, *, exact: bool = False) -> str:
        """A time in the person's zone; without the date, and without the year, where it is that of `today`."""
        clock = format_time(local.time(), self.exact_clock if exact else self.clock, locale=self.locale)
        if today is not None and local.date() == today:
            return clock
        same_year = today is not None and local.year == today.year and bool(self.day_of_this_year)
        return f"{format_date(local, self.day_of_this_year if same_year else self.day, self.locale)} {clock}"

    def read_number(self, text: str) -> str:
        """The number that a person typed, as programs write it. What could be meant in two ways is taken in this format's way or
        refused: `1,250` is 1250 in English and 1.25 in German; `1.250` is 1250 in German and refused in Czech. Raises NotANumber.
        """
        plain = text.strip().translate(_SPACES)
        match = next((match for pattern in self._numbers if (match := pattern.fullmatch(plain))), None)
        if match is None:
            example = self.number(Decimal("1250.50"))
            raise NotANumber(f"“{text.strip()[:40]}” is not a number. Write it like {example}.")
        whole = re.sub(r"\D", "", match["whole"] or "")
        rest = f".{match['rest']}" if match["rest"] else ""
        return f"{match['sign']}{whole or '0'}{rest}{match['power'] or ''}"

    @cached_property
    def _numbers(self) -> tuple[re.Pattern[str], ...]:
        """No groups; groups by this format's sign, a space or an apostrophe; groups by the sign that others use, where nothing
        else can be meant."""
        mark, other = re.escape(self.decimal), re.escape("." if self.decimal == "," else ",")
        groups = "".join({" ", "'", self.group.translate(_SPACES)})
        sign, rest, power = r"(?P<sign>[+-]?)", r"(?P<rest>\d+)", r"(?P<power>e[+-]?\d+)?"
        own = rf"\d{{1,3}}(?P<group>[{re.escape(groups)}])\d{{3}}((?P=group)\d{{3}})*"
        wholes = (
            rf"(?P<whole>\d+)({mark}{rest}?)?",
            rf"(?P<whole>){mark}{rest}",
            rf"(?P<whole>{own})({mark}{rest})?",
            rf"(?P<whole>\d{{1,3}}({other}\d{{3}})+){mark}{rest}",
            rf"(?P<whole>\d{{1,3}}({other}\d{{3}}){{2,}})(?P<rest>)",
        )
        return tuple(re.compile(sign + whole + power, re.ASCII | re.IGNORECASE) for whole in wholes)

    @cached_property
    def example(self) -> str:
        """A number, a day and a time."""
        at = datetime(2026, 12, 31, 14, 30)
        return f"{self.number(Decimal('1250.50'))} · {self.show_time(at)}"


FORMATS: Mapping[str, Format] = {
    style.name: style
    for style in (
        Format("en", "English", "en", "d MMM yyyy", "d MMM"),
        Format("en-US", "English (United States)", "en_US", "MMM d, yyyy", "MMM d", "h:mm a", "h:mm:ss a"),
        Format("iso", "English, ISO 8601 dates", "en", "yyyy-MM-dd"),
        Format("cs", "Czech, Slovak", "cs", "d. M. yyyy"),
        Format("nl", "Dutch", "nl", "dd-MM-yyyy"),
        Format("fr", "French", "fr", "dd/MM/yyyy"),
        Format("de", "German", "de", "dd.MM.yyyy"),
        Format("de-CH", "German (Switzerland)", "de_CH", "dd.MM.yyyy"),
        Format("it", "Italian, Portuguese, Spanish", "it", "dd/MM/yyyy"),
        Format("pl", "Polish", "pl", "dd.MM.yyyy"),
        Format("sv", "Swedish", "sv", "yyyy-MM-dd"),
    )
}
"""Name → format, in the order of the menu."""
DEFAULT = "en"


def format_of(name: str | None) -> Format:
    return FORMATS.get(name or "", FORMATS[DEFAULT])
