"""Workflows: trigger, entry criteria, recurrence, explanation (specification section 3). They listen to changes of records."""
