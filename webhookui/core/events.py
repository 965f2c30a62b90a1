"""Events: what happens in a write session, and others take part in. Who listens is said in one place, `installation.py`."""

from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from webhookui.core.database import Database, after_commit, database_of

P = ParamSpec("P")


class Event(Generic[P]):
    """One kind of event. Its listeners are called with the session, in the order in which they were connected."""

    def __init__(self) -> None:
        self._listeners: WeakKeyDictionary[Database, list[Callable[Concatenate[Session, P], object]]]
        self._listeners = WeakKeyDictionary()

    def connect(self, db: Database, listener: Callable[Concatenate[Session, P], object]) -> None:
        """`listener` hears of what happens in write sessions of `db`."""
        self._listeners.setdefault(db, []).append(listener)

    def has_listeners(self, session: Session) -> bool:
        return bool(self._of(session))

    def send(self, session: Session, *args: P.args, **kwargs: P.kwargs) -> None:
        """Calls the listeners now, in the session's transaction. Raises what they raise."""
        for listener in self._of(session):
            listener(session, *args, **kwargs)

    def send_after_commit(self, session: Session, *args: P.args, **kwargs: P.kwargs) -> None:
        """Calls the listeners once the transaction is committed, and not at all when it is rolled back."""
        for listener in self._of(session):
            after_commit(session, lambda listener=listener: listener(session, *args, **kwargs))  # type: ignore[misc]

    def _of(self, session: Session) -> list[Callable[Concatenate[Session, P], object]]:
        db = database_of(session)
        return self._listeners.get(db, []) if db is not None else []
