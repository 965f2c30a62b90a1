"""Saved views of lists: a name for columns, sort and filters, one's own or for everybody; and the columns that a user chose
(specification section 2)."""

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.errors import Invalid, NotFound
from webhookui.crm.catalog import catalog
from webhookui.crm.tables import ListView
from webhookui.people.tables import User

MAX_NAME = 60
MAX_VIEWS = 100
"""Views of one user in one module."""
LONGEST_QUERY = 4000
"""Characters of what a view says: a URL."""


class ViewNotFound(NotFound):
    """There is no such view, or it is somebody else's own."""

    hint = "It may have been deleted."


class InvalidView(Invalid):
    """A view can't be saved like that."""


def views(session: Session, module: str, user: User) -> tuple[list[ListView], tuple[str, ...]]:
    """One's own and those for everybody, by name; and the columns that the user chose, none if none."""
    visible = or_(col(ListView.user_id) == user.id, and_(col(ListView.shared), col(ListView.name) != ""))
    rows = list(session.scalars(select(ListView).where(col(ListView.module) == module, visible)))
    chosen = next((tuple(view.query.split()) for view in rows if not view.name), ())
    named = [view for view in rows if view.name]
    return sorted(named, key=lambda view: (view.name.casefold(), view.id or 0)), chosen


def save(session: Session, module: str, user: User, name: str, query: str, *, shared: bool) -> ListView:
    """Under a name that one has used already, the view is replaced. `query`: of the list's URL. Raises InvalidView."""
    catalog(session).module(module)
    name, errors = " ".join(name.split()), {}
    own = _own(session, module, user)
    if not name:
        errors["name"] = "Enter a name for the view."
    elif len(name) > MAX_NAME:
        errors["name"] = f"At most {MAX_NAME} characters; this has {len(name)}."
    elif len(query) > LONGEST_QUERY:
        errors["name"] = "This list has too many filters to be saved."
    elif name not in own and len(own) >= MAX_VIEWS:
        errors["name"] = f"You have {MAX_VIEWS} views here already. Delete one first."
    if errors:
        raise InvalidView(errors)
    view = own.get(name) or ListView(module=module, user_id=user.id or 0, name=name)
    view.query, view.shared = query, shared
    session.add(view)
    session.flush()
    return view


def delete(session: Session, module: str, view_id: int, user: User) -> ListView:
    """By who made it, or an admin. Raises ViewNotFound."""
    view = session.get(ListView, view_id)
    if view is None or view.module != module or not may_delete(view, user):
        raise ViewNotFound(f"There is no view {view_id}.")
    session.delete(view)
    session.flush()
    return view


def may_delete(view: ListView, user: User) -> bool:
    return bool(view.name) and (view.user_id == user.id or (view.shared and user.is_admin))


def choose_columns(session: Session, module: str, user: User, columns: Sequence[str]) -> None:
    """What the list shows from now on. None, or those that the module shows anyway: its own choice again."""
    info = catalog(session).module(module)
    names = [name for name in dict.fromkeys(columns) if name in info.fields]
    view = _own(session, module, user).get("") or ListView(module=module, user_id=user.id or 0, name="")
    view.query = "" if names == [field.name for field in info.list_fields] else " ".join(names)
    session.add(view)
    session.flush()


def _own(session: Session, module: str, user: User) -> dict[str, ListView]:
    rows = session.scalars(select(ListView).where(col(ListView.module) == module, col(ListView.user_id) == user.id))
    return {view.name: view for view in rows}
