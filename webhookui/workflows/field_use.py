"""Which workflows speak of a field: what would not be valid any more if it were removed (specification section 2)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from webhookui.crm.catalog import Catalog, catalog
from webhookui.crm.fields import without
from webhookui.definitions.tables import Workflow
from webhookui.workflows import store
from webhookui.workflows.document import InvalidDocument, parse


@dataclass(frozen=True)
class FieldUse:
    """One workflow that uses a field, its document, and the paths in it that speak of the field."""

    workflow: Workflow
    document: Mapping[str, Any]
    paths: tuple[str, ...]


def uses(session: Session, module: str, name: str) -> list[FieldUse]:
    """The workflows that use a field, of any module, by the check that every document goes through."""
    now = catalog(session)
    then = without(now, module, name)
    field_uses = []
    for workflow in store.list_all(session):
        document = store.to_document(session, workflow, with_ids=False)
        already = _errors(document, now)
        paths = tuple(path for path in _errors(document, then) if path not in already)
        if paths:
            field_uses.append(FieldUse(workflow, document, paths))
    return field_uses


def mentioning(session: Session, words: Collection[str]) -> list[Workflow]:
    """The workflows that say one of the words in a text of an action: what a template compares is not looked into."""
    workflows = []
    for workflow in store.list_all(session):
        texts = list(_texts(store.to_document(session, workflow, with_ids=False)["actions"]))
        if any(word in text for text in texts for word in words):
            workflows.append(workflow)
    return workflows


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _errors(document: Any, modules: Catalog) -> Mapping[str, str]:
    """Secrets, which an export lacks, are among the errors of both catalogs."""
    try:
        parse(document, modules)
    except InvalidDocument as error:
        return error.errors
    return {}
