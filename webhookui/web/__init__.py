"""Doors for people: one blueprint per page group, thin."""

from importlib import import_module

from flask import Flask

from webhookui.web import security
from webhookui.web.htmx import htmx

BLUEPRINTS = {
    "account.first_start": "/",
    "health": "/",
    "account.set_password": "/",
    "account.views": "/account",
    "settings.views": "/settings",
    "settings.users": "/settings/users",
    "settings.audit": "/settings/audit",
    "settings.fields": "/settings/modules",
    "settings.mail": "/settings/mail",
    "settings.currency": "/settings/currency",
    "workflow_editor.views": "/settings/workflows",
    "workflow_editor.webhook_form": "/settings/webhook-form",
    "records.views": "/records",
    "records.deleted": "/records/deleted",
    "jobs": "/jobs",
    "log.views": "/log",
    "log.redeliveries": "/log",
    "dashboard.views": "/dashboard",
    "notifications": "/notifications",
    "inspector.views": "/",
}
"""Module of this package → URL prefix of its blueprint `bp`."""


def init_app(app: Flask) -> None:
    from webhookui.web import app_status, template_filters

    htmx.init_app(app)
    security.init_app(app)
    template_filters.init_app(app)
    app_status.init_app(app)
    for name, prefix in BLUEPRINTS.items():
        app.register_blueprint(import_module(f"webhookui.web.{name}").bp, url_prefix=prefix)
