"""Deliveries: outbox, claim, send, retry, redeliver, and the log's queries (SPEC sections 6 and 7)."""
