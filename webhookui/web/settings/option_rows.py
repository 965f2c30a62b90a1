"""The options of a picklist as rows of a form: typed, moved, retired and brought back before anything is saved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

from webhookui.crm.catalog import FieldInfo

ACTS = ("add", "up", "down", "retire", "restore")
"""What the buttons of the rows do: `do=up.3` moves the row with the key 3."""
OFFERED, RETIRED = "offered", "retired"


@dataclass(frozen=True)
class OptionRow:
    """One row. `key` tells it from the others while it is moved; `was`: the option's saved name, empty for a new one."""

    key: str
    name: str
    was: str = ""
    state: str = OFFERED

    @property
    def is_retired(self) -> bool:
        return self.state == RETIRED


def rows_of(field: FieldInfo) -> list[OptionRow]:
    """The saved options: the offered ones in their order, then the retired ones."""
    return [
        OptionRow(str(key), option, option, OFFERED if option in field.options else RETIRED)
        for key, option in enumerate(field.all_options)
    ]


def typed_rows(form: MultiDict[str, str]) -> list[OptionRow]:
    """The rows as they were sent, and the option that was typed and not added yet."""
    parts = (form.getlist(f"option.{part}") for part in ("key", "name", "was", "state"))
    rows = [OptionRow(*row) for row in zip(*parts, strict=False)]
    names = [name for name in form.get("new_option", "").splitlines() if name.strip()]
    first = max((int(row.key) for row in rows if row.key.isdecimal()), default=-1) + 1
    return rows + [OptionRow(str(first + number), name.strip()) for number, name in enumerate(names)]


def acted(rows: Sequence[OptionRow], do: str) -> list[OptionRow]:
    """The rows after a press of a button. One that means nothing changes nothing."""
    act, _, key = do.partition(".")
    place = next((place for place, row in enumerate(rows) if row.key == key), None)
    if act not in ACTS or place is None:
        return list(rows)
    row, others = rows[place], [other for other in rows if other.key != key]
    if act == "retire":
        return [*others, replace(row, state=RETIRED)] if row.was else others
    if act == "restore":
        last = sum(not other.is_retired for other in others)
        return [*others[:last], replace(row, state=OFFERED), *others[last:]]
    target = place + (-1 if act == "up" else 1)
    if not 0 <= target < len(rows) or rows[target].is_retired:
        return list(rows)
    return [*others[:target], row, *others[target:]]


def renamed(rows: Sequence[OptionRow]) -> dict[str, str]:
    """Saved name → new name."""
    return {row.was: row.name for row in rows if row.was and row.name.strip() and row.name != row.was}


def problem(rows: Sequence[OptionRow]) -> str:
    """What is wrong with the rows themselves, in words; empty when nothing is."""
    blank = next((row for row in rows if row.was and not row.name.strip()), None)
    return f"Enter a name for “{blank.was}”, or retire it." if blank else ""


def merged(rows: Sequence[OptionRow], field: FieldInfo) -> list[OptionRow] | None:
    """The rows with what somebody else has changed of the options meanwhile; None when nobody has."""
    saved = {row.was for row in rows if row.was}
    if saved == set(field.all_options):
        return None
    kept = [row if row.was in field.all_options else replace(row, was="", state=OFFERED) for row in rows]
    first = max((int(row.key) for row in rows if row.key.isdecimal()), default=-1) + 1
    new = [replace(row, key=str(first + number)) for number, row in enumerate(rows_of(field)) if row.was not in saved]
    return sorted([*kept, *new], key=lambda row: row.is_retired)
