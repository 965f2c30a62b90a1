"""What a list of records shows, as its URL says it: search, filters, sort, columns, place (specification section 2)."""

from dataclasses import dataclass, replace
from datetime import tzinfo
from urllib.parse import parse_qsl, urlencode

from flask import request
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webhookui.crm import list_views
from webhookui.crm.board import amounts, picklists
from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.filters import Filter, filter_operators, usual_operator
from webhookui.crm.listing import ListQuery
from webhookui.crm.sorting import InvalidListing
from webhookui.current_installation import row_id
from webhookui.people.formats import FORMATS, Format, NotANumber
from webhookui.web.access import me
from webhookui.web.records.form import shown_number

DEFAULT_SORT = "-updated_at"
LIFTED = ("name", "created_at", "updated_at")
"""Columns that every module has beside its fields."""


@dataclass(frozen=True)
class RecordQuery:
    """The state of a list page. `filters`: one a field at the most; `columns`: empty for the module's own choice."""

    info: ModuleInfo
    q: str = ""
    sort: str = DEFAULT_SORT
    filters: tuple[Filter, ...] = ()
    columns: tuple[str, ...] = ()
    after: str = ""
    before: str = ""
    """Cursors: where the page starts, or ends."""
    first: int = 1
    """The place of its first record among all, as far as the links that led here know."""
    own_columns: tuple[str, ...] = ()
    """Those that the user chose for the module: shown when the URL names none."""
    view: int = 0
    """The saved view that the page was opened by."""
    format: str = ""
    """By which the numbers of the filters are written, when one of them can't be read; else they are as programs write them."""
    problem: InvalidListing | None = None
    """Why a number can't be read."""
    board: str = ""
    """The picklist whose options are the columns of a board; empty for a list."""
    summed: str = ""
    """The currency field that the board sums; empty for the module's first."""

    def list_query(self, zone: tzinfo) -> ListQuery:
        """Raises InvalidListing."""
        if self.problem is not None:
            raise self.problem
        return ListQuery(self.info.name, self.q, self.sort, self.filters, zone)

    def filter_on(self, field: FieldInfo) -> Filter:
        """The filter on a field; an empty one when there is none."""
        empty = Filter(field.name, usual_operator(field))
        return next((asked for asked in self.filters if asked.field == field.name), empty)

    def in_format(self, style: Format) -> "RecordQuery":
        """With the numbers of the filters as a user reads them. What can't be read stays as it was typed."""
        if self.format:
            return self
        fields = self.info.fields
        filters = [
            replace(asked, operands=tuple(shown_number(fields[asked.field], text, style) for text in asked.operands))
            for asked in self.filters
        ]
        return replace(self, filters=tuple(filters))

    @property
    def shown(self) -> tuple[FieldInfo, ...]:
        """The fields that are columns, beside the name."""
        columns = self.columns or self.own_columns
        shown = tuple(self.info.fields[name] for name in columns if name in self.info.fields)
        return shown or self.info.list_fields

    @property
    def is_narrowed(self) -> bool:
        return bool(self.q or self.filters)

    def url(self, **changes: object) -> str:
        """The page's address with something changed; `without="stage"` takes that filter away. It starts at the first page."""
        parts: list[tuple[str, str]] = []
        plain = {
            "q": self.q,
            "sort": self.sort if self.sort != DEFAULT_SORT else "",
            "board": self.board,
            "sum": self.summed,
            "after": "",
            "before": "",
            "first": "",
        }
        plain |= {name: str(value or "") for name, value in changes.items() if name in plain}
        parts += [(name, value) for name, value in plain.items() if value]
        for asked in self.filters:
            if asked.field != changes.get("without"):
                parts += filter_parts(self.info, asked)
        parts += [("format", self.format)] if self.format else []
        parts += [("columns", name) for name in self.columns]
        parts += [("view", str(self.view))] if self.view else []
        address = f"/records/{self.info.name}"
        return f"{address}?{urlencode(parts)}" if parts else address

    def in_column(self, value: str | None) -> str:
        """The address of the list of what is in a column of the board."""
        asked = Filter(self.board, "is_empty") if value is None else Filter(self.board, "is", (value,))
        others = tuple(other for other in self.filters if other.field != self.board)
        return replace(self, filters=(*others, asked), board="", summed="").url()

    @property
    def state(self) -> str:
        """The URL's query, from the first page on."""
        return self.url().partition("?")[2]

    @property
    def parts(self) -> list[tuple[str, str]]:
        """The names and values of its URL, from the first page on."""
        return parse_qsl(self.state)

    @property
    def saved(self) -> str:
        """What a view keeps of it: the URL's query with the columns that are shown, from the first page on."""
        columns = tuple(field.name for field in self.shown)
        return replace(self, columns=columns, view=0).state

    def sorted_by(self, name: str) -> str:
        """The address behind a column's head: ascending, then descending."""
        return self.url(sort=f"-{name}" if self.sort == name else name)

    def direction(self, name: str) -> str:
        """For aria-sort."""
        return {name: "ascending", f"-{name}": "descending"}.get(self.sort, "none")


def asked_query(session: Session, info: ModuleInfo) -> RecordQuery:
    """What the request asks for, in the columns that its user chose where it names none."""
    return read_query(info, request.args, list_views.views(session, info.name, me())[1])


def filter_parts(info: ModuleInfo, asked: Filter) -> list[tuple[str, str]]:
    """A filter as the URL says it: `filter[stage]=New`, and `op[stage]=is_not` when that is not the field's usual operator."""
    operator = (
        [] if asked.operator == usual_operator(info.fields[asked.field]) else [(f"op[{asked.field}]", asked.operator)]
    )
    return operator + [(f"filter[{asked.field}]", text) for text in asked.operands]


def read_query(info: ModuleInfo, args: MultiDict[str, str], own_columns: tuple[str, ...] = ()) -> RecordQuery:
    """From the URL. What it can't mean is left out: an old link still shows the list."""
    sort = args.get("sort", DEFAULT_SORT)
    if sort.removeprefix("-") not in (*info.fields, *LIFTED, "id"):
        sort = DEFAULT_SORT
    columns = tuple(dict.fromkeys(name for name in args.getlist("columns") if name in info.fields))
    filters = tuple(asked for field in info.fields.values() if (asked := _filter(field, args)) is not None)
    board, summed = args.get("board", ""), args.get("sum", "")
    if board not in (field.name for field in picklists(info)):
        board = ""
    if not board or summed not in (field.name for field in amounts(info)):
        summed = ""
    first = max(1, args.get("first", 1, type=row_id))
    query = RecordQuery(
        info, args.get("q", "").strip(), sort, filters, columns, args.get("after", ""), args.get("before", ""), first,
        own_columns, args.get("view", 0, type=row_id), board=board, summed=summed,
    )  # fmt: skip
    style = FORMATS.get(args.get("format", ""))
    return _with_numbers(query, style) if style is not None else query


def _with_numbers(query: RecordQuery, style: Format) -> RecordQuery:
    """The numbers that were typed, as programs write them: all of them, or none and what is wrong with the first."""
    filters = []
    for asked in query.filters:
        operands = asked.operands
        if query.info.fields[asked.field].kind.family == "number":
            try:
                operands = tuple(map(style.read_number, operands))
            except NotANumber as error:
                return replace(query, format=style.name, problem=InvalidListing(asked.field, str(error)))
        filters.append(replace(asked, operands=operands))
    return replace(query, filters=tuple(filters))


def _filter(field: FieldInfo, args: MultiDict[str, str]) -> Filter | None:
    """The filter on a field, if it has all that its operator takes."""
    operators = {operator.name: operator for operator in filter_operators(field)}
    operator = operators.get(args.get(f"op[{field.name}]", "")) or operators[usual_operator(field)]
    texts = [field.present(text.strip()) for text in args.getlist(f"filter[{field.name}]") if text.strip()]
    if operator.value == "none":
        return Filter(field.name, operator.name)
    operands = texts if operator.value == "list" else texts[: 2 if operator.value == "two" else 1]
    return Filter(field.name, operator.name, tuple(operands)) if operands else None
