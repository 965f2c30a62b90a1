"""Workflows and the form of their webhooks."""
