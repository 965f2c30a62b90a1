"""Recipes: webhooks prefilled for known services, with what each of them must be told first (specification section 4.6)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class RecipeProblem(Exception):
    """A recipe that can't be used yet; the text is for people."""


@dataclass(frozen=True)
class Ask:
    """Something that only the reader knows and that the request can't be without. `token`: what stands for it."""

    token: str
    label: str
    help: str
    default: str = ""
    secret: bool = False


@dataclass(frozen=True)
class Recipe:
    """`document`: a webhook's document; `hint`: what is worth knowing, for people; `module`: whose fields it speaks of."""

    name: str
    label: str
    hint: str
    document: dict[str, Any]
    asks: tuple[Ask, ...] = ()
    module: str = ""
    secret_url: bool = False
    """Who knows the URL may call it: the last segment of its path is kept as a secret."""

    def filled(self, answers: Mapping[str, str]) -> dict[str, Any]:
        """The document with what was asked for (token → text) in its places. Raises RecipeProblem when it is not all there."""
        missing = [ask.label for ask in self.asks if not answers.get(ask.token, "").strip()]
        if missing:
            raise RecipeProblem(f"Required: {', '.join(missing)}.")
        filled: dict[str, Any] = _put(self.document, {ask.token: answers[ask.token].strip() for ask in self.asks})
        return _last_segment_secret(filled) if self.secret_url else filled


def _last_segment_secret(document: dict[str, Any]) -> dict[str, Any]:
    address, _, token = document["url"].rpartition("/")
    if not re.match(r"https?://[^/]+/", document["url"]) or not re.fullmatch(r"[\w.~-]+", token):
        return document
    return document | {"url": f"{address}/{{{{ secret.token }}}}", "secrets": [{"name": "token", "value": token}]}


def _put(value: Any, answers: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _put(inner, answers) for key, inner in value.items()}
    if isinstance(value, list):
        return [_put(inner, answers) for inner in value]
    if isinstance(value, str):
        for token, text in answers.items():
            value = value.replace(token, text)
    return value


def _row(name: str, value: str = "", type: str = "auto", *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "type": type, "required": required, "omit_empty": False}


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "freshbooks_invoice", "FreshBooks: create invoice",
            "The invoice’s number in FreshBooks is captured into the deal; a second webhook can PUT to an address with it.",
            {
                "title": "Create invoice", "url": "https://api.freshbooks.com/accounting/account/ACCOUNT_ID/invoices/invoices",
                "method": "POST", "content_type": "JSON", "authorization": {"type": "bearer", "token": "ACCESS_TOKEN"},
                "headers": [{"name": "Api-Version", "value": "alpha"}],
                "parameters": [
                    _row("invoice.customerid", "PUBLIC_ID", "number", required=True),
                    _row("invoice.create_date", "{{ now.strftime('%Y-%m-%d') }}", "text", required=True),
                    _row("invoice.lines.0.name", "{{ name }}", "text", required=True),
                    _row("invoice.lines.0.qty", "1", "text"),
                    _row("invoice.lines.0.unit_cost.amount", "{{ amount }}", "text", required=True),
                    _row("invoice.lines.0.unit_cost.code", "USD", "text", required=True),
                ],
                "capture": {
                    "type": "JSONPATH",
                    "on_success": [{"path": "$.response.result.invoice.id", "field": "invoice_id"}],
                    "on_failure": [{"path": "$.response.errors[0].message", "field": "invoice_error"}],
                },
            },
            (
                Ask("ACCOUNT_ID", "Account ID", "The ID of your business in FreshBooks, as in its address."),
                Ask("PUBLIC_ID", "Public ID", "The customer’s ID in FreshBooks: a number, or the field that holds it.",
                    "{{ organization.account_id }}"),
                Ask("ACCESS_TOKEN", "Access token", "From an application in the Developer Portal.", secret=True),
            ),
            module="deals",
        ),
        Recipe(
            "slack_message", "Slack: send a message",
            "A message can contain links: <https://example.com|words>.",
            {
                "title": "Tell the channel", "url": "WEBHOOK_URL", "method": "POST",
                "content_type": "JSON", "authorization": {"type": "none"}, "headers": [],
                "parameters": [_row("text", "{{ record.name }}: {{ record.url }}", "text", required=True)],
            },
            (Ask("WEBHOOK_URL", "Webhook URL", "From an incoming webhook of your Slack app. It begins with https://hooks.slack.com/.",
                 secret=True),),
            secret_url=True,
        ),
        Recipe(
            "mailchimp_member", "Mailchimp: add member",
            "Mailchimp answers 400 for somebody who is already in the audience.",
            {
                "title": "Add to the list", "url": "https://DATA_CENTRE.api.mailchimp.com/3.0/lists/AUDIENCE_ID/members",
                "method": "POST", "content_type": "JSON",
                "authorization": {"type": "basic", "username": "key", "password": "API_KEY"}, "headers": [],
                "parameters": [
                    _row("email_address", "{{ email }}", "text", required=True),
                    _row("status", "subscribed", "text", required=True),
                    _row("merge_fields.FNAME", "{{ first_name }}", "text"),
                    _row("merge_fields.LNAME", "{{ last_name }}", "text"),
                ],
            },
            (
                Ask("DATA_CENTRE", "Data centre", "The end of your API key, such as us21."),
                Ask("AUDIENCE_ID", "Audience ID", "Under Audience → Settings."),
                Ask("API_KEY", "API key", "Under Account → Extras → API keys.", secret=True),
            ),
            module="contacts",
        ),
        Recipe(
            "generic_json", "Generic JSON",
            "A POST of the record’s id, name and address. Adapt it to the other system’s documentation.",
            {
                "title": "Notify", "url": "TARGET_URL", "method": "POST", "content_type": "JSON",
                "authorization": {"type": "none"}, "headers": [],
                "parameters": [
                    _row("event", "{{ workflow.name }}", "text"), _row("id", "{{ record.id }}", "auto", required=True),
                    _row("name", "{{ record.name }}", "text"), _row("url", "{{ record.url }}", "text"),
                ],
            },
            (Ask("TARGET_URL", "URL to Notify", "Where the other system accepts webhooks.", "https://"),),
        ),
    )
}  # fmt: skip
