"""Doors for programs: the REST API under /api/v1 (specification section 10)."""

from flask import Flask

from webhookui.api import (  # noqa: F401 - their calls hang on bp
    auth,
    deliveries,
    errors,
    files,
    jobs,
    modules,
    openapi,
    records,
    workflows,
)
from webhookui.api.blueprint import bp


def init_app(app: Flask) -> None:
    """Registers the API. Its door is the bearer token, not the browser's session."""
    if not bp._got_registered_once:
        bp.before_request(auth.require_token)
        bp.before_request(openapi.check_query)
        errors.register(bp)
    app.register_blueprint(bp)
