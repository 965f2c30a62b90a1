"""Telling people: mail, digests, the bell (SPEC section 8)."""
