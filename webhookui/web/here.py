"""The services of the current request, for the doors of this package."""

from webhookui.here import db, installation, read, write

__all__ = ["db", "installation", "read", "write"]
