"""Workflows: trigger, entry criteria, recurrence, explanation (SPEC section 3). They listen to changes of records."""
