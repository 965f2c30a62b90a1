"""What references and owners may point to."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.field_types import FieldError, FieldInfo
from webhookui.crm.tables import Record
from webhookui.people.tables import User

_R = Record.__table__.c  # type: ignore[attr-defined]


class Targets:
    """Asks the database once for each record and user, or for many records at once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._modules: dict[int, str | None] = {}
        self._users: dict[int, User | None] = {}

    def expect(self, ids: Collection[int]) -> None:
        """These records will be checked."""
        missing = [record_id for record_id in ids if record_id not in self._modules]
        if missing:
            self._modules |= dict.fromkeys(missing)
            rows = self._session.execute(select(_R.id, _R.module).where(_R.id.in_(missing)))
            self._modules.update(rows.all())  # type: ignore[arg-type]

    def check(self, field: FieldInfo, value: Any) -> None:
        """Raises FieldError."""
        if field.kind.family == "reference":
            self.expect([value])
            if self._modules[value] != field.target:
                raise FieldError(f"There is no record {value} in {field.target}.")
        elif field.kind.family == "user":
            if value not in self._users:
                self._users[value] = self._session.get(User, value)
            user = self._users[value]
            if user is None:
                raise FieldError(f"There is no user {value}.")
            if not user.active:
                raise FieldError(f"{user.name} is deactivated. Choose somebody else.")
