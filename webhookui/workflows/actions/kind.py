"""What makes a kind of action: the check of its document, its row, and what it does when a workflow fires."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from webhookui.core.secrets import SecretBox
from webhookui.crm.catalog import Catalog
from webhookui.definitions.tables import WorkflowAction
from webhookui.webhooks.definition import Errors
from webhookui.webhooks.secret_scope import SecretScope
from webhookui.workflows.context import ChangeContexts


@dataclass(frozen=True)
class StoredAction:
    """What is stored of an action that an edit may leave unchanged: its row's id, type, definition and opened secrets.

    `typed_for`: the addresses that the secrets were typed for.
    """

    id: int
    definition: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    typed_for: SecretScope = field(default_factory=lambda: SecretScope("", ""))
    type: str = "webhook"


@dataclass(frozen=True)
class Firing:
    """A workflow that fires at a change of a record."""

    workflow_id: int
    workflow: str
    contexts: ChangeContexts
    caused_by: str = ""
    """Who asked for it, by name; empty: who saved."""
    refused: str = ""
    """Why its criteria can't be checked. What its actions would do is then not done, and said where people look for it."""


Check = Callable[[Mapping[str, Any], StoredAction | None, str, Errors], Any]
"""(action of a document, the stored one that it replaces, its path, errors to add to) → what `ActionKind.save` keeps; None
when errors were added."""


class ActionKind(ABC):
    """One kind of action, by the `type` in its document. Has no state."""

    label: str
    delivers = False
    """Whether each of its runs stands in the webhook log."""

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of its document, its parts below "$defs"."""

    @abstractmethod
    def check_for(self, modules: Catalog, module: str, related: Sequence[str]) -> Check:
        """The check of actions of a workflow on a module, with these related modules."""

    @abstractmethod
    def save(self, session: Session, box: SecretBox, row: WorkflowAction, checked: Any) -> None:
        """Writes what was checked into the action's row, and flushes it."""

    def copy(self, session: Session, box: SecretBox, row: WorkflowAction, twin: WorkflowAction) -> None:
        """Completes the twin of a row, which has its definition, for a duplicated workflow, and flushes it."""
        twin.secrets = row.secrets
        session.flush()

    def document(self, row: WorkflowAction) -> dict[str, Any]:
        """The action as the API and exports have it, without its secrets."""
        return {"type": row.type, **row.definition}

    def shown_once(self, session: Session, row: WorkflowAction) -> dict[str, Any]:
        """What the answer to the save that made it adds to the document, and none after it."""
        return {}

    @abstractmethod
    def load(self, definition: Mapping[str, Any]) -> Any:
        """What `run` works with, kept between saves: made from a row's definition, without secrets."""

    @abstractmethod
    def run(self, session: Session, action_id: int | None, loaded: Any, firing: Firing) -> None:
        """Does it, inside the transaction of the save that fired the workflow. Whatever goes wrong with the action itself must
        not reach the save: only errors of the database may be raised (specification section 6)."""
