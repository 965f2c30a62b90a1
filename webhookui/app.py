"""The web application: settings → database → queue → doors. The only place that wires things."""

from pathlib import Path
from typing import Any

import simplejson
from flask import Flask
from flask.json.provider import JSONProvider
from flask_bootstrap import Bootstrap5
from werkzeug.middleware.proxy_fix import ProxyFix

from webhookui.core import database
from webhookui.current_installation import RowId
from webhookui.installation import Installation, open_installation
from webhookui.settings import Settings


class ExactJson(JSONProvider):
    """JSON in and out with exact decimals."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return database.dumps(obj)

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return simplejson.loads(s, use_decimal=True)


def files_folder(name: str) -> Path:
    """`templates` or `static`: beside the package in a checkout, inside it when installed from a wheel."""
    package = Path(__file__).parent
    packed = package / f"_{name}"
    return packed if packed.is_dir() else package.parent / name


def create_app(settings: Settings | None = None) -> Flask:
    """The application on an opened installation."""
    from webhookui import api, web
    from webhookui.web.conditional_polling import ConditionalPolling

    installation = open_installation(settings)
    app = Flask("webhookui", static_folder=str(files_folder("static")), template_folder=str(files_folder("templates")))
    app.json = ExactJson(app)
    app.url_map.converters["int"] = RowId
    app.secret_key = installation.box.session_key()
    app.config.update(
        MAX_CONTENT_LENGTH=16 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
        MAX_FORM_PARTS=5000,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=installation.settings.secure_cookies,
        BOOTSTRAP_SERVE_LOCAL=True,
    )
    if proxies := installation.settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    app.extensions["webhookui"] = installation
    app.wsgi_app = ConditionalPolling(app.wsgi_app, installation.db.state)  # type: ignore[method-assign]
    Bootstrap5(app)
    web.init_app(app)
    api.init_app(app)
    web.security.csrf.exempt(api.bp)
    return app


def installation_of(app: Flask) -> Installation:
    installation: Installation = app.extensions["webhookui"]
    return installation
