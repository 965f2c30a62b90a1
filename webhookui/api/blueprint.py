"""The blueprint that the calls of the API hang on."""

from flask import Blueprint

bp = Blueprint("api", __name__, url_prefix="/api/v1")
