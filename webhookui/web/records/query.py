"""What a list of records shows, as its URL says it: search, filters, sort, columns, page (specification section 2)."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.listing import ListQuery
from webhookui.current_installation import row_id

DEFAULT_SORT = "-updated_at"
LIFTED = ("name", "created_at", "updated_at")
"""Columns that every module has beside its fields."""


@dataclass(frozen=True)
class RecordQuery:
    """The state of a list page. `filters`: field → text, only those with one; `columns`: empty for the module's own choice."""

    info: ModuleInfo
    q: str = ""
    sort: str = DEFAULT_SORT
    filters: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    page: int = 1

    @property
    def list_query(self) -> ListQuery:
        return ListQuery(self.info.name, self.q, self.sort, self.filters)

    @property
    def shown(self) -> tuple[FieldInfo, ...]:
        """The fields that are columns, beside the name."""
        if self.columns:
            return tuple(self.info.fields[name] for name in self.columns if name in self.info.fields)
        return self.info.list_fields

    @property
    def is_narrowed(self) -> bool:
        return bool(self.q or self.filters)

    def url(self, **changes: object) -> str:
        """The page's address with something changed; `filter_stage=None` takes that filter away. It starts at page 1."""
        parts: list[tuple[str, str]] = []
        plain = {"q": self.q, "sort": self.sort if self.sort != DEFAULT_SORT else "", "page": ""}
        plain |= {name: str(value or "") for name, value in changes.items() if name in plain}
        parts += [(name, value) for name, value in plain.items() if value and (name, value) != ("page", "1")]
        parts += [(f"filter[{name}]", text) for name, text in self.filters.items() if f"filter_{name}" not in changes]
        parts += [("columns", name) for name in self.columns]
        address = f"/records/{self.info.name}"
        return f"{address}?{urlencode(parts)}" if parts else address

    def sorted_by(self, name: str) -> str:
        """The address behind a column's head: ascending, then descending."""
        return self.url(sort=f"-{name}" if self.sort == name else name)

    def direction(self, name: str) -> str:
        """For aria-sort."""
        return {name: "ascending", f"-{name}": "descending"}.get(self.sort, "none")


def read_query(info: ModuleInfo, args: MultiDict[str, str]) -> RecordQuery:
    """From the URL. What it can't mean is left out: an old link still shows the list."""
    filters = {name: args[f"filter[{name}]"].strip() for name in info.fields if args.get(f"filter[{name}]", "").strip()}
    sort = args.get("sort", DEFAULT_SORT)
    if sort.removeprefix("-") not in (*info.fields, *LIFTED, "id"):
        sort = DEFAULT_SORT
    columns = tuple(dict.fromkeys(name for name in args.getlist("columns") if name in info.fields))
    if columns == tuple(field_info.name for field_info in info.list_fields):
        columns = ()
    page = max(1, args.get("page", 1, type=row_id))
    return RecordQuery(info, args.get("q", "").strip(), sort, filters, columns, page)
