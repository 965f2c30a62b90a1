"""webhookui: a lightweight CRM in the browser whose workflows call other systems."""

__version__ = "0.1.0"
