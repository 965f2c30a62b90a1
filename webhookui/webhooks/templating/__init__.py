"""Values with placeholders: the sandboxed templates, their filters, and the bounds on them."""
