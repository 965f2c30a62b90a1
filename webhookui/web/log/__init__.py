"""The webhook log, its detail pages and redeliveries."""
