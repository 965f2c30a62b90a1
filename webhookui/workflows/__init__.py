"""Workflows: trigger, entry criteria, recurrence, explanation (SPEC section 3). Listens to changes, asks for deliveries."""
