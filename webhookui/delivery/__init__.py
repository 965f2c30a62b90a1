"""Deliveries: outbox, claim, send, retry, redeliver, and the log's queries (specification sections 6 and 7)."""
