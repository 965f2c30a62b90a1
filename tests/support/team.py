"""A team that nobody logs in to: two active admins, a deactivated one, an owner who is a user, and a deactivated owner."""

from __future__ import annotations

from dataclasses import dataclass

from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.installation import Installation
from webhookui.people.tables import User


@dataclass(frozen=True)
class Team:
    ann: User
    """An admin."""
    bea: User
    """Another."""
    dan: User
    """An admin who is deactivated."""
    olga: User
    """A user."""
    otto: User
    """A user who is deactivated."""
    deals: dict[str, int]
    """Whose deal → its id: of each of them, and of "nobody"."""


def team_of(installation: Installation) -> Team:
    with installation.db.write() as session:
        people = {
            name: User(
                email=f"{name}@example.com", name=name.title(), role=role, password_hash=""
            )
            for name, role in (
                ("ann", "admin"), ("bea", "admin"), ("dan", "admin"), ("olga", "user"), ("otto", "user")
            )
        }  # fmt: skip
        session.add_all(people.values())
        session.flush()
        deals = {}
        for name in (*people, "nobody"):
            owner = people[name].id if name in people else None
            values = {"name": f"Deal of {name}", "owner": owner}
            actor = Actor("person", "Ann", people["ann"].id)
            deals[name] = records.create(session, "deals", values, actor, run_workflows=False).id or 0
        for name in ("dan", "otto"):
            people[name].active = False
    return Team(**people, deals=deals)
