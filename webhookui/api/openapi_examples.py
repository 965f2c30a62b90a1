"""Examples in the OpenAPI document; a test holds each against its schema."""

from typing import Any

EXAMPLES: dict[str, list[Any]] = {
    "Record": [
        {
            "id": 17, "module": "deals", "version": 3, "name": "Kettle order",
            "values": {"name": "Kettle order", "amount": 1250.00, "stage": "Closed Won", "contact": 4, "owner": 1},
            "created_at": "2026-11-24T09:30:00Z", "updated_at": "2026-11-25T14:05:10Z",
        }
    ],
    "Workflow": [
        {
            "name": "Invoice closed deals", "description": "", "module": "deals", "active": True,
            "related_modules": ["contacts"], "trigger": {"on": "create_or_update", "recurrence": "every_time"},
            "criteria": {"all": [{"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}], "any": []},
            "actions": [
                {
                    "type": "webhook", "title": "Create invoice", "url": "https://api.example.com/invoices", "method": "POST",
                    "content_type": "JSON", "authorization": {"type": "basic", "username": "u", "password": "p"},
                    "parameters": [{"name": "invoice.lines.0.amount", "value": "{{ amount }}", "required": True}],
                }
            ],
        }
    ],
    "Delivery": [
        {
            "id": 42, "status": "retry", "workflow_id": 1, "workflow": "Invoice closed deals", "action": "Create invoice",
            "module": "deals", "record_id": 17, "method": "POST", "url": "https://api.example.com/invoices", "status_code": 503,
            "attempt_count": 1, "created_at": "2026-11-25T14:05:10Z", "next_attempt_at": "2026-11-25T15:05:11Z", "test": False,
            "redelivery_of": None, "webhook_id": 1, "record_name": "Kettle order",
            "error": "The third party answered 503 Service Unavailable.", "note": None,
        }
    ],
    "Error": [
        {
            "error": {
                "code": "invalid", "message": "One value is not valid.",
                "fields": {"actions.0.url": "Enter the URL to notify."},
            }
        }
    ],
}  # fmt: skip
"""Name of a schema → its examples."""
