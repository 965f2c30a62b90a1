"""The kinds of action that a workflow can have (specification section 4). A new one is an entry here, and its form one in
`web.workflow_editor.action_forms`."""

from collections.abc import Mapping

from webhookui.workflows.actions.kind import ActionKind
from webhookui.workflows.actions.webhook import WebhookKind

KINDS: Mapping[str, ActionKind] = {"webhook": WebhookKind()}
"""`type` in the document → the kind."""
