"""What fills the webhook form: a cURL command, a sample body, a recipe; and a sample response as a tree (SPEC section 4.6).

Each gets the whole form as it is typed and answers with the webhook drawn anew. Nothing is saved.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.web.access import admin_only
from webhookui.web.form_paths import Draft
from webhookui.web.here import read
from webhookui.web.webhook_draft import SECRETS, draft_of_webhook, webhook_draft
from webhookui.web.workflow_draft import BLANK_WHEN, without_blank_rows
from webhookui.web.workflow_form import form_of
from webhookui.webhooks.curl import from_curl
from webhookui.webhooks.recipes import RECIPES
from webhookui.webhooks.response_tree import tree_of
from webhookui.webhooks.sample import parameters_from_sample

OF_THE_REQUEST = ("url", "method", "content_type", "authorization", "headers", "parameters", "xml_root")
"""What a cURL command says something of; the rest of the webhook stays as it was."""


def add_routes(bp: Blueprint) -> None:
    bp.post("/curl")(curl)
    bp.post("/sample")(sample)
    bp.post("/recipe")(recipe)
    bp.post("/response")(response)
