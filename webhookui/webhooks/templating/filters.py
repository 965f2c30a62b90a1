"""The filters that templates have, each with what it takes and gives (specification section 4.1).

An absent value goes through every filter but `default` and `tojson` as it is. What is text in the end is made of the text that
the product writes for a value (`values.as_text`), never of Python's. What comes out is charged to the budget.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from functools import wraps
from typing import Any

from jinja2 import filters as jinja
from jinja2.runtime import StrictUndefined, Undefined
from jinja2.sandbox import SecurityError
from jinja2.utils import _PassArg

from webhookui.core import exact_json
from webhookui.webhooks.templating.budget import MAX_WIDTH, fits, go_on, is_record, listed, size_of, take, text_fits
from webhookui.webhooks.templating.reasons import used
from webhookui.webhooks.values import JsonText, as_text, is_empty, is_number, number_of, plain

KINDS = {
    "text": "a text", "number": "a number", "boolean": "true or false", "date": "a date", "datetime": "a time",
    "list": "a list", "record": "a record", "object": "an object", "duration": "a duration", "json": "JSON",
}  # fmt: skip
"""What values of a template are, in words."""


def kind_of(value: Any) -> str:
    """One of KINDS; empty for what is absent or none of them."""
    for types, kind in _KINDS_OF:
        if isinstance(value, types):
            return kind
    return "record" if is_record(value) else ""


_KINDS_OF: tuple[tuple[Any, str], ...] = (
    (JsonText, "json"), (str, "text"), (bool, "boolean"), (int | float | Decimal, "number"), ((list, tuple), "list"),
    (dict, "object"), (timedelta, "duration"), (datetime, "datetime"), (date, "date"), (time_of_day, "datetime"),
)  # fmt: skip

ANYTHING = frozenset(KINDS)
NUMBERS = frozenset({"number"})
NUMBERS_AS_TEXT = frozenset({"number", "text", "boolean"})
LISTS = frozenset({"list", "text", "object", "json"})
"""Of a text, its characters; of an object, its keys."""
OBJECTS = frozenset({"object"})


@dataclass(frozen=True)
class Filter:
    """`takes`: kinds of value. `gives`: the kind that comes out, "same" as went in, "" for any. `as_it_is`: absent values too."""

    function: Callable[..., Any]
    takes: frozenset[str] = ANYTHING
    gives: str = ""
    as_it_is: bool = False


def wrong_kind(name: str, takes: frozenset[str], what: str, kind: str) -> str:
    """Why a filter can't take a value of this kind."""
    words = [KINDS[kind_name] for kind_name in KINDS if kind_name in takes and kind_name != "json"]
    return f"the filter “{name}” takes {' or '.join(words)}; {what} is {KINDS[kind]}."


def _text(function: Callable[..., Any]) -> Filter:
    """A filter on text: the value is what the product writes for it."""

    @wraps(function)
    def on_text(value: Any, *args: Any, **kwargs: Any) -> Any:
        result = function(as_text(value), *args, **kwargs)
        return str(result) if isinstance(result, str) else result

    return Filter(on_text, gives="text")


def _replace(value: str, old: Any, new: Any, count: int | None = None) -> str:
    old, new = as_text(old), as_text(new)
    times = value.count(old) if count is None or count < 0 else min(count, value.count(old))
    text_fits(len(value) + times * (len(new) - len(old)))
    return value.replace(old, new, times)


def _trim(value: str, chars: Any = None) -> str:
    return value.strip(None if chars is None else needle(as_text(chars)))


def _truncate(
    value: str, length: int = 255, killwords: bool = False, end: str = "...", leeway: int | None = None
) -> str:
    """At most `length` characters, cut at a word; where `end` finds no room, without it."""
    end = as_text(end) if length >= len(as_text(end)) else ""
    if len(value) <= length + (5 if leeway is None else leeway):
        return value
    kept = value[: max(0, length - len(end))]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + end


def _striptags(value: str) -> str:
    """Without tags and comments, blanks made one (in linear time, whatever the text)."""
    pieces, position = [], 0
    while (start := value.find("<", position)) != -1:
        closing = "-->" if value.startswith("<!--", start) else ">"
        end = value.find(closing, start)
        if end == -1:
            break
        pieces.append(value[position:start])
        position = end + len(closing)
    return html.unescape(" ".join(("".join(pieces) + value[position:]).split()))


_SPECIFIED = re.compile(r"%(?P<flags>[#0\- +]*+)(?P<width>\d*+)(?:\.(?P<places>\d++))?(?P<kind>[A-Za-z%])", re.ASCII)


def _format(value: Any, *args: Any, **kwargs: Any) -> str | None:
    """printf's formats, exact for decimals: `{{ "%.2f" | format(amount) }}`. Absent when all that it is to write is absent."""
    source = as_text(value)
    if kwargs or "%(" in source or re.search(r"%[^A-Za-z%]*\*", source):
        raise SecurityError("format takes values in their order, with widths written out.")
    if args and all(argument is None for argument in args):
        return None
    left = iter(args)

    def formatted(match: re.Match[str]) -> str:
        go_on()
        if match["kind"] == "%":
            return "%"
        if match["kind"] not in "diouxXeEfFgGcsra":
            raise SecurityError(f"format has no %{match['kind']}; %s writes any value, %d and %.2f a number.")
        for digits in (match["width"], match["places"]):
            within(int(digits[:9]) if digits else 0)
        try:
            given = next(left)
        except StopIteration:
            raise SecurityError("format has fewer values than formats.") from None
        return _formatted(match, given)

    return _SPECIFIED.sub(formatted, source)


def _formatted(match: re.Match[str], given: Any) -> str:
    padding = int(match["width"] or 0)
    if given is None:
        return " " * padding
    if match["kind"] in "fF":
        flags = match["flags"]
        aligned = "<" if "-" in flags else "0=" if "0" in flags else ">"
        sign = "+" if "+" in flags else " " if " " in flags else "-"
        return format(exact(given), f"{aligned}{sign}{padding or ''}.{match['places'] or 6}f")
    if match["kind"] in "sr":
        return str((match[0][:-1] + "s") % as_text(given))
    return str(match[0] % (int(exact(given)) if match["kind"] in "diuxXoc" else exact(given)))


def _round(value: Any, precision: int = 0, method: str = "common") -> Decimal:
    """Rounds exactly. Methods: common (half to even, as Python's round), ceil, floor."""
    methods = {"common": "ROUND_HALF_EVEN", "ceil": "ROUND_CEILING", "floor": "ROUND_FLOOR"}
    if method not in methods:
        raise SecurityError(f"round has the methods {', '.join(methods)}; “{as_text(method)[:40]}” is not one of them.")
    places = int(precision)
    if not -MAX_WIDTH < places < MAX_WIDTH:
        raise SecurityError("that precision is too large.")
    rounded = exact(value).quantize(Decimal(1).scaleb(-places), rounding=methods[method])
    return rounded if places >= 0 else rounded.quantize(Decimal(1))


def _number(value: Any) -> int | Decimal:
    return number_of(value) if isinstance(value, str) else int(value) if isinstance(value, bool) else exact(value)


def _int(value: Any, default: Any = 0, base: int = 10) -> Any:
    """The whole number that the value is, its fraction cut off; `default` for what is no number."""
    try:
        return int(needle(value), base) if base != 10 and isinstance(value, str) else int(_number(value))
    except (ValueError, SecurityError):
        return default


def _float(value: Any, default: Any = Decimal(0)) -> Any:
    """The number that the value is, exactly; `default` for what is none."""
    try:
        return Decimal(_number(value))
    except (ValueError, SecurityError):
        return default


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Acts on what *required* calls empty, too; with true, on false and 0 as well."""
    if isinstance(value, StrictUndefined) or (not is_record(value) and is_empty(value)) or (boolean and not value):
        return default_value
    return value


@jinja.pass_environment
def _attr(environment: Any, value: Any, name: Any) -> Any:
    return environment.getattr(value, as_text(name))


@jinja.pass_environment
def _sum(environment: Any, value: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    """Of numbers; what is absent adds nothing."""
    getter = jinja.make_attrgetter(environment, attribute)
    total = exact(start) if start else 0
    for number in map(getter, value):
        go_on()
        if number is not None:
            total = total + exact(number)
    return total


@jinja.pass_environment
def _join(environment: Any, value: Iterable[Any], d: Any = "", attribute: Any = None) -> str:
    return joined(as_text(d), map(jinja.make_attrgetter(environment, attribute), value))


def joined(separator: str, values: Iterable[Any]) -> str:
    """Their texts with the separator between, added up before they are joined; what is absent leaves no separator."""
    texts: list[str] = []
    length = 0
    for value in values:
        go_on()
        if value is not None:
            texts.append(as_text(value))
            length += len(texts[-1]) + len(separator)
            text_fits(length - len(separator))
    return separator.join(texts)


@jinja.pass_environment
def _sort(
    environment: Any, value: Iterable[Any], reverse: bool = False, case_sensitive: bool = False, attribute: Any = None
) -> list[Any]:
    """Ordered; what is absent stands last."""
    fold = None if case_sensitive else jinja.ignore_case
    getter = jinja.make_multi_attrgetter(environment, attribute, postprocess=fold)

    def key(item: Any) -> list[tuple[bool, Any]]:
        go_on()
        return [
            (part is not None if reverse else part is None, 0 if part is None else comparable(part))
            for part in getter(item)
        ]

    return sorted(value, key=key, reverse=reverse)


def _least(choose: Callable[..., Any]) -> Callable[..., Any]:
    @jinja.pass_environment
    def least(environment: Any, value: Iterable[Any], case_sensitive: bool = False, attribute: Any = None) -> Any:
        fold = None if case_sensitive else jinja.ignore_case
        getter = jinja.make_attrgetter(environment, attribute, postprocess=fold)
        there = [item for item in value if getter(item) is not None]
        return choose(there, key=lambda item: comparable(getter(item)), default=None)

    return least


def comparable(value: Any) -> Any:
    """What orders a value: a record by its name, numbers by their exact value."""
    if is_record(value):
        return as_text(value)
    return Decimal(repr(value)) if isinstance(value, float) else value


def _narrow(original: Callable[..., Any]) -> Callable[..., Any]:
    """batch and slice with a number that is not too large."""

    @wraps(original)
    def narrow(value: Any, number: int, fill_with: Any = None) -> Any:
        if within(number) < 1:
            raise SecurityError("the number of elements must be 1 or more.")
        return original(value, number, fill_with)

    return narrow


def _urlencode(value: Any) -> str:
    pairs = value.items() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    if pairs is None or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        return jinja.do_urlencode(as_text(value))
    return jinja.do_urlencode([(as_text(name), as_text(item)) for name, item in pairs])


@jinja.pass_environment
def _groupby(
    environment: Any, value: Iterable[Any], attribute: Any, default: Any = None, case_sensitive: bool = False
) -> list[Any]:
    """(grouper, list) of what has the same value there, ordered by it; what is absent makes the last group."""
    getter = jinja.make_attrgetter(environment, attribute, default=default)
    fold = (lambda grouper: grouper) if case_sensitive else jinja.ignore_case
    groups: list[Any] = []
    for item in _sort(environment, value, attribute=attribute, case_sensitive=case_sensitive):
        key = getter(item)
        if not groups or fold(groups[-1].grouper) != fold(key):
            groups.append(jinja._GroupTuple(key, []))
        groups[-1].list.append(item)
    return groups


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else list(value)[::-1]


TEXT_FILTERS: dict[str, Callable[..., str]] = {
    "capitalize": str.capitalize, "center": lambda value, width=80: value.center(within(width)), "e": jinja.escape,
    "escape": jinja.escape, "forceescape": jinja.escape, "lower": str.lower, "replace": _replace, "safe": str, "string": str,
    "striptags": _striptags, "title": jinja.do_title, "trim": _trim, "truncate": _truncate, "upper": str.upper,
}  # fmt: skip
LIST_FILTERS: dict[str, tuple[Callable[..., Any], str]] = {
    "batch": (_narrow(jinja.do_batch), "list"), "count": (len, "number"), "first": (lambda value: next(iter(value), None), ""),
    "groupby": (_groupby, "list"), "join": (_join, "text"), "last": (lambda value: next(iter(_reverse(value)), None), ""),
    "length": (len, "number"), "list": (list, "list"), "map": (jinja.sync_do_map, "list"), "max": (_least(max), ""),
    "min": (_least(min), ""), "reject": (jinja.sync_do_reject, "list"), "rejectattr": (jinja.sync_do_rejectattr, "list"),
    "reverse": (_reverse, "same"), "select": (jinja.sync_do_select, "list"), "selectattr": (jinja.sync_do_selectattr, "list"),
    "slice": (_narrow(jinja.sync_do_slice), "list"), "sort": (_sort, "list"), "sum": (_sum, "number"),
    "unique": (jinja.sync_do_unique, "list"),
}  # fmt: skip
FILTERS: dict[str, Filter] = {
    **{name: _text(function) for name, function in TEXT_FILTERS.items()},
    **{name: Filter(function, LISTS, gives) for name, (function, gives) in LIST_FILTERS.items()},
    "abs": Filter(lambda value: abs(exact(value)), NUMBERS, "number"),
    "attr": Filter(_attr),
    "d": Filter(_default, as_it_is=True),
    "default": Filter(_default, as_it_is=True),
    "dictsort": Filter(jinja.do_dictsort, OBJECTS, "list"),
    "filesizeformat": Filter(jinja.do_filesizeformat, NUMBERS, "text"),
    "float": Filter(_float, NUMBERS_AS_TEXT, "number"),
    "format": Filter(_format, frozenset({"text"}), "text"),
    "int": Filter(_int, NUMBERS_AS_TEXT, "number"),
    "items": Filter(lambda value: list(value.items()), OBJECTS, "list"),
    "round": Filter(_round, NUMBERS, "number"),
    "tojson": Filter(lambda value: JsonText(exact_json.dumps(plain(value))), gives="json", as_it_is=True),
    "urlencode": Filter(_urlencode, gives="text"),
    "wordcount": Filter(_text(lambda value: len(re.findall(r"\w+", value))).function, gives="number"),
}


def offered(name: str, filter_: Filter) -> Callable[..., Any]:
    """The filter as Jinja calls it: within the budget, and only with what it takes."""
    at = 0 if _PassArg.from_obj(filter_.function) is None else 1

    @wraps(filter_.function)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        go_on()
        value = args[at]
        if isinstance(value, Undefined) and not filter_.as_it_is:
            str(value)  # raises in the words of the one that is missing
        if value is None and not filter_.as_it_is:
            return None
        kind = kind_of(value)
        if kind and kind not in filter_.takes:
            raise SecurityError(wrong_kind(name, filter_.takes, "this", kind))
        if kind in ("list", "object"):
            take(size_of(value))
        with used(f"the filter “{name}”"):
            result = filter_.function(*args, **kwargs)
            return listed(result) if isinstance(result, Iterator) else fits(result)

    return filtered


def within(number: Any) -> int:
    """A width; SecurityError when it is none, or too large."""
    if not isinstance(number, int) or number > MAX_WIDTH:
        raise SecurityError(f"a width must be a number up to {MAX_WIDTH}.")
    return number


def needle(text: Any) -> Any:
    """What is looked for in a text; SecurityError when it is so long that looking would take for ever."""
    if isinstance(text, str) and len(text) > MAX_WIDTH:
        raise SecurityError(f"the text to look for can have at most {MAX_WIDTH} characters.")
    return text


def exact(value: Any) -> Decimal:
    if not is_number(value):
        raise SecurityError(f"“{as_text(value)[:40]}” is not a number.")
    return value if isinstance(value, Decimal) else Decimal(str(value))
