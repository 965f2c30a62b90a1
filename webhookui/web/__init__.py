"""Doors for people: one blueprint per page group, thin."""

from __future__ import annotations

from importlib import import_module

from flask import Flask

from webhookui.web import security

BLUEPRINTS = {
    "start": "/",
    "health": "/",
    "account": "/account",
    "settings": "/settings",
    "retention": "/settings/retention",
    "fields": "/settings/modules",
    "mail": "/settings/mail",
    "workflows": "/settings/workflows",
    "webhook_form": "/settings/webhook-form",
    "records": "/records",
    "log": "/log",
    "redeliveries": "/log",
    "dashboard": "/dashboard",
    "notifications": "/notifications",
    "inspector": "/",
}
"""Module of this package → URL prefix of its blueprint `bp`."""


def init_app(app: Flask) -> None:
    from webhookui.web import filters, pulse
    from webhookui.web.htmx import htmx

    htmx.init_app(app)
    security.init_app(app)
    filters.init_app(app)
    pulse.init_app(app)
    for name, prefix in BLUEPRINTS.items():
        app.register_blueprint(import_module(f"webhookui.web.{name}").bp, url_prefix=prefix)
