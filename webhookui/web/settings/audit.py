"""Settings → Audit: the list of what was changed, with its filters (specification section 9)."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from webhookui.core.database import row_number
from webhookui.core.paging import Page
from webhookui.crm.catalog import catalog
from webhookui.current_installation import read, row_id
from webhookui.people import accounts, audit
from webhookui.people.audit import KINDS, OUTSIDE, AuditFilter
from webhookui.people.tables import AuditEntry
from webhookui.web.access import AdminPages
from webhookui.web.template_filters import zone
from webhookui.workflows import store

bp = AdminPages("audit", __name__)

SETTING_PAGES = {
    "smtp": "/settings/mail",
    "network": "/settings/network",
    "currency": "/settings/currency",
    "retention_days": "/settings/retention",
    "deleted_retention_days": "/settings/retention",
}
"""Key of a setting → where it is changed."""


@dataclass(frozen=True)
class AuditQuery:
    """The filter as the URL says it. `errors`: a filter's name → why it can't be read."""

    filter: AuditFilter
    typed: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    def url(self, before: object = None) -> str:
        parts = {**self.typed, **({"before": before} if before else {})}
        return f"/settings/audit?{urlencode(parts)}" if parts else "/settings/audit"


@dataclass(frozen=True)
class AuditRow:
    """An entry as it is shown. `href`: of its subject, empty where that is gone; `changes`: (what, before, after)."""

    entry: AuditEntry
    href: str
    changes: list[tuple[str, str, str]]
    facts: list[tuple[str, str]]


@bp.get("")
def index() -> ResponseReturnValue:
    before = request.args.get("before", type=row_id)
    query = read_query(request.args)
    with read() as session:
        page: Page[AuditEntry] = Page([]) if query.errors else audit.page(session, query.filter, before=before)
        workflows = {workflow.id for workflow in store.list_all(session)}
        modules = catalog(session).modules
        users = accounts.all_users(session)
    rows = [shown(entry, workflows, modules) for entry in page.items]
    return render_template(
        "settings/audit.html",
        page=page,
        rows=rows,
        query=query,
        before=before,
        users=users,
        kinds=KINDS,
        outside=OUTSIDE,
    ), 422 if query.errors else 200


def read_query(args: MultiDict[str, str]) -> AuditQuery:
    typed = {name: text for name in ("who", "kind", "since", "until", "q") if (text := args.get(name, "").strip())}
    errors: dict[str, str] = {}
    who: int | str = typed.get("who", "")
    if who and who not in OUTSIDE:
        number = row_number(str(who))
        who = number if number is not None else ""
        if number is None:
            errors["who"] = "This is nobody who is known. Choose somebody from the list."
    kind = typed.get("kind", "")
    if kind and kind not in KINDS:
        errors["kind"] = f"A kind is one of: {', '.join(KINDS)}."
    since, until = _day("since", typed, errors), _day("until", typed, errors)
    try:
        start = datetime.combine(since, time(), zone()) if since else None
        end = datetime.combine(until + timedelta(days=1), time(), zone()) if until else None
        asked = AuditFilter(who, kind, start, end, typed.get("q", ""))
    except OverflowError:
        errors["until"] = "This day is too far away."
        asked = AuditFilter()
    return AuditQuery(asked, typed, errors)


def _day(name: str, typed: dict[str, str], errors: dict[str, str]) -> date | None:
    try:
        return date.fromisoformat(typed[name]) if name in typed else None
    except ValueError:
        errors[name] = f"“{typed[name][:40]}” is not a day such as 2026-12-31."
        return None


def shown(entry: AuditEntry, workflows: Collection[int | None], modules: Collection[str]) -> AuditRow:
    changes: list[tuple[str, str, str]] = []
    facts: list[tuple[str, str]] = []
    for name, value in entry.details.items():
        if isinstance(value, list) and len(value) == 2:
            changes.append((_path_words(name), _words(value[0]), _words(value[1])))
        else:
            facts.append((_path_words(name), _words(value)))
    return AuditRow(entry, _href(entry, workflows, modules), changes, facts)


def _href(entry: AuditEntry, workflows: Collection[int | None], modules: Collection[str]) -> str:
    """Where the subject is; empty when it is gone."""
    subject_id = entry.subject_id
    if entry.subject_type == "workflow":
        return f"/settings/workflows/{subject_id}" if row_number(subject_id) in workflows else ""
    if entry.subject_type in ("user", "token"):
        return f"/settings/users/{subject_id}" if row_number(subject_id) is not None else ""
    if entry.subject_type == "field":
        module = subject_id.partition(".")[0]
        return f"/settings/modules/{module}" if module in modules else ""
    return SETTING_PAGES.get(subject_id, "")


def _path_words(path: str) -> str:
    """`actions.0.parameters.2.name` → `actions 1 › parameters 3 › name`: people count from one."""
    words = ""
    for part in path.split("."):
        number, _, rest = part.partition(" ")
        if number.isdecimal() and words:
            words += f" {int(number) + 1}{' ' + rest if rest else ''}"
        else:
            words += f"{' › ' if words else ''}{part.replace('_', ' ')}"
    return words


def _words(value: Any) -> str:
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
