"""Recipes: webhooks prefilled for known services, what they must have marked as required (SPEC section 4.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """`document`: a webhook's document; `hint`: what to fill in, for people."""

    name: str
    label: str
    hint: str
    document: dict[str, Any]


def _row(name: str, value: str = "", type: str = "auto", *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "type": type, "required": required, "omit_empty": False}


RECIPES: dict[str, Recipe] = {
    each.name: each
    for each in (
        Recipe(
            "freshbooks_invoice", "FreshBooks: create invoice",
            "Put your account id into the URL and type the access token. The customer id is FreshBooks' number of the client.",
            {
                "title": "Create invoice", "url": "https://api.freshbooks.com/accounting/account/ACCOUNT_ID/invoices/invoices",
                "method": "POST", "content_type": "JSON", "authorization": {"type": "bearer", "token": None},
                "headers": [{"name": "Api-Version", "value": "alpha"}],
                "parameters": [
                    _row("invoice.customerid", "{{ organization.account_id }}", "number", required=True),
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
        ),
        Recipe(
            "slack_message", "Slack: send a message",
            "Create an incoming webhook in Slack and put its address into the URL.",
            {
                "title": "Tell the channel", "url": "https://hooks.slack.com/services/YOUR/WEBHOOK/PATH", "method": "POST",
                "content_type": "JSON", "authorization": {"type": "none"}, "headers": [],
                "parameters": [_row("text", "{{ record.name }}: {{ record.url }}", "text", required=True)],
            },
        ),
        Recipe(
            "mailchimp_member", "Mailchimp: add member",
            "Put your data centre (such as us21) and the audience's id into the URL; the password is an API key.",
            {
                "title": "Add to the list", "url": "https://DC.api.mailchimp.com/3.0/lists/LIST_ID/members", "method": "POST",
                "content_type": "JSON", "authorization": {"type": "basic", "username": "key", "password": None}, "headers": [],
                "parameters": [
                    _row("email_address", "{{ email }}", "text", required=True),
                    _row("status", "subscribed", "text", required=True),
                    _row("merge_fields.FNAME", "{{ first_name }}", "text"),
                    _row("merge_fields.LNAME", "{{ last_name }}", "text"),
                ],
            },
        ),
        Recipe(
            "generic_json", "Generic JSON",
            "A POST of the record's id, name and address. Change it as the other system's documentation asks.",
            {
                "title": "Notify", "url": "https://", "method": "POST", "content_type": "JSON",
                "authorization": {"type": "none"}, "headers": [],
                "parameters": [
                    _row("event", "{{ workflow.name }}", "text"), _row("id", "{{ record.id }}", "auto", required=True),
                    _row("name", "{{ record.name }}", "text"), _row("url", "{{ record.url }}", "text"),
                ],
            },
        ),
    )
}  # fmt: skip
