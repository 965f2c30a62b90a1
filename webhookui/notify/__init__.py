"""Telling people: mail, digests, the bell (specification section 8)."""
