"""Entry criteria: operators, their document, and evaluating them."""
