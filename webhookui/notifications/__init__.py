"""Telling people: recipients, digests, mails and the in-app inbox."""
