"""How each kind of action is typed in the workflow form: an entry for each of `workflows.actions.KINDS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webhookui.web.workflow_editor.form_tree import Draft, text
from webhookui.web.workflow_editor.webhook_draft import document_of_webhook, draft_of_webhook, webhook_draft


@dataclass(frozen=True)
class ActionForm:
    """`draft_of` and `document_of` take the action of a document to what is typed, and back."""

    icon: str
    template: str
    """Has a macro `action(path, action)`: the card in the list of actions, and its editor."""
    draft: Callable[[Mapping[str, Any]], Draft]
    """Completes what a form posted."""
    draft_of: Callable[[Mapping[str, Any]], Draft]
    document_of: Callable[[Draft], dict[str, Any]]
    blank: Mapping[str, Any]
    """What a new one is the draft of."""


ACTION_FORMS: Mapping[str, ActionForm] = {
    "webhook": ActionForm(
        icon="send",
        template="workflow_editor/webhook_form/_webhook.html",
        draft=webhook_draft,
        draft_of=draft_of_webhook,
        document_of=document_of_webhook,
        blank={"parameters": [{}]},  # a first row that invites to type
    ),
}


def action_type(action: Mapping[str, Any]) -> str:
    """The kind of an action of a draft or document: a webhook when it names none."""
    named = text(action.get("type"))
    return named if named in ACTION_FORMS else "webhook"


def form_of_action(action: Mapping[str, Any]) -> ActionForm:
    return ACTION_FORMS[action_type(action)]
