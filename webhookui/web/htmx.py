"""htmx's requests and what answers tell it, by flask-htmx: `if htmx:`, `htmx.current_url`, `make_response(…, trigger=…)`."""

from flask_htmx import HTMX, make_response

__all__ = ["htmx", "make_response"]

htmx = HTMX()
"""The request as htmx made it; false when it did not."""
