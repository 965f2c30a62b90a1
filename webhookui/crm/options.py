"""The options of picklists: added, renamed, put in order and retired while everything runs (specification section 2).

A record holds the name of its option. After a rename, the former name stands for the option wherever it is sent or stored, so
that the records can be rewritten in the background, a few in a transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job, JobKind
from webhookui.crm import record_keys
from webhookui.crm.catalog import FieldInfo, ModuleInfo, catalog, changed
from webhookui.crm.field_types import FIELD_TYPES, UNSTORABLE, text_key
from webhookui.crm.filters import Filter, condition
from webhookui.crm.records import lifted
from webhookui.crm.tables import ModuleField, Record, RecordKey
from webhookui.people.tables import User

MAX_OPTIONS = 500
LONGEST_OPTION = 200
WITH_OPTIONS = tuple(name for name, kind in FIELD_TYPES.items() if kind.has_options)

BATCH = 200
"""Records that a transaction gives the new name."""

_R = Record.__table__.c  # type: ignore[attr-defined]
_K = RecordKey.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class OptionChange:
    """What the options of a field are to be. `former`: former name → name now; `dropped`: retired ones that no record holds."""

    options: list[str]
    retired: list[str]
    former: dict[str, str]
    dropped: list[str]
    default: Any


def checked(type_name: str, typed: Sequence[str], errors: dict[str, str], also: Sequence[str] = ()) -> list[str]:
    """The options without blanks, for a type that has some. `also`: retired ones, which count as taken. Errors at "options"."""
    if type_name not in WITH_OPTIONS:
        return []
    options = [option for option in (" ".join(text.split()) for text in typed) if option]
    seen: set[str] = set()
    every = [*options, *also]
    twice = next((option for option in every if option.casefold() in seen or seen.add(option.casefold())), None)  # type: ignore[func-returns-value]
    if not options:
        errors["options"] = "Enter at least one option, each on its own line."
    elif twice is not None:
        errors["options"] = f"“{twice}” is listed twice."
    elif len(options) > MAX_OPTIONS or max(map(len, options)) > LONGEST_OPTION:
        errors["options"] = f"At most {MAX_OPTIONS} options of at most {LONGEST_OPTION} characters."
    elif any(UNSTORABLE.search(option) for option in options):
        errors["options"] = "An option contains a character that can't be stored."
    elif FIELD_TYPES[type_name].family == "choices" and any("," in option or ";" in option for option in options):
        errors["options"] = (
            "An option of a multi-select picklist can't contain a comma or semicolon: they separate its values."
        )
    return options


def plan(
    session: Session,
    info: ModuleInfo,
    field: FieldInfo,
    typed: Sequence[str],
    renamed: Mapping[str, str],
    errors: dict[str, str],
) -> OptionChange:
    """The change to the options `typed`, by their new names. `renamed`: name now → new name. An option that is left out is
    retired where a record holds it, and dropped otherwise. Errors at "options" and "rename_options"."""
    renamed = {old: " ".join(new.split()) for old, new in renamed.items()}
    if unknown := next((old for old in renamed if old not in field.all_options), None):
        errors["rename_options"] = f"{field.label} has no option “{unknown[:60]}”."
    names = {option: renamed.get(option, option) for option in field.all_options}
    if len({name.casefold() for name in names.values()}) < len(names):
        errors["rename_options"] = "Two options can't have the same name."
    offered = {" ".join(text.split()) for text in typed}
    left_out = [option for option, name in names.items() if name not in offered]
    held = [option for option in left_out if is_held(session, info, field, option)]
    retired = [names[option] for option in held]
    options = checked(field.type, typed, errors, retired)
    former = dict(field.former_options) | {old: old for old, new in renamed.items() if new != old}
    former = {old: names.get(name, name) for old, name in former.items()}
    taken = {*options, *retired}
    former = {old: name for old, name in former.items() if name in taken and old != name}
    reserved = {old.casefold(): name for old, name in former.items()}
    if clash := next((name for name in taken if reserved.get(name.casefold(), name) != name), None):
        errors.setdefault(
            "options",
            f"“{clash}” is a former name of “{reserved[clash.casefold()]}” and still stands for it in workflows, views and "
            "programs. Choose another name.",
        )
    default = names.get(field.default, field.default) if isinstance(field.default, str) else field.default
    if isinstance(default, str) and default not in options:
        default = next(iter(options), None)
    return OptionChange(options, retired, former, [option for option in left_out if option not in held], default)


def is_held(session: Session, info: ModuleInfo, field: FieldInfo, option: str) -> bool:
    """Whether a record has the option."""
    operator = "is" if field.kind.family == "choice" else "contains"
    held = condition(session, info, Filter(field.name, operator, (option,)), UTC)
    statement = select(_R.id).where(_R.module == info.name, held.holds)
    if held.candidates is not None:
        statement = statement.where(_R.id.in_(held.candidates))
    return session.scalar(statement.limit(1)) is not None


def save(
    session: Session, info: ModuleInfo, row: ModuleField, change: OptionChange, renamed: Mapping[str, str], by: User
) -> None:
    """Writes the change. The first records get the new names at once, the others in the background."""
    row.options, row.retired_options, row.former_options = change.options, change.retired, change.former
    row.default = change.default
    session.flush()
    changed(session)
    for old, new in renamed.items():
        if old != new:
            _rename_records(session, info, row, old, new, by)


def _rename_records(session: Session, info: ModuleInfo, row: ModuleField, old: str, new: str, by: User) -> None:
    place = {"module": info.name, "field": row.name, "old": old}
    reached, number = _next_records(session, place, 0)
    if reached is not None:
        words = [["Field", f"{row.label} of {info.label}"], ["Option", f"{old} → {new}"]]
        last = session.scalar(select(func.max(_R.id))) or 0
        arguments = {**place, "words": words}
        job = background_jobs.start(
            session, RENAME, by=by.name, user_id=by.id, arguments=arguments, total=None, up_to=last
        )
        job.position, job.updated = reached, number


def _step(session: Session, job: Job) -> bool:
    reached, number = _next_records(session, job.arguments, job.position)
    job.updated += number
    job.position = job.up_to if reached is None else reached
    return reached is None


def _next_records(session: Session, place: Mapping[str, str], after: int) -> tuple[int | None, int]:
    """Gives the next records that may have the old name the names that their options have now. It is no save of theirs: the
    option is the same. Returns the last id, None when there is none left, and how many records were changed."""
    info = catalog(session).module(place["module"])
    field = info.fields.get(place["field"])
    ids = list(session.scalars(_waiting(info, field, place["old"], after))) if field is not None else []
    if not ids:
        return None, 0
    columns = select(_R.id, _R["values"], _R.sort_keys).where(_R.id.in_(ids)).with_for_update()
    records = []
    for record_id, values, keys in session.execute(columns).all():
        current = info.current(values)
        if current == values:
            continue
        _, search_text, sort_keys = lifted(info, current)
        record_keys.move(session, info, record_id, keys, sort_keys)
        records.append({"id": record_id, "values": current, "search_text": search_text, "sort_keys": sort_keys})
    if records:
        session.execute(update(Record), records)
    return ids[-1], len(records)


def _waiting(info: ModuleInfo, field: FieldInfo, old: str, after: int) -> Any:
    """The ids of the next records that may have the old name. A multi-select picklist has no index of single options: there the
    module is walked through."""
    if field.kind.family == "choice":
        key = (_K.field_id == field.id) & (_K.key == text_key(old))
        return select(_K.record_id).where(key, _K.record_id > after).order_by(_K.record_id).limit(BATCH)
    return select(_R.id).where(_R.module == info.name, _R.id > after).order_by(_R.id).limit(BATCH)


RENAME = "rename"
KIND = JobKind("Rename of an option", _step)
