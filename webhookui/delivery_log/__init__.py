"""Reading the webhook log: filter, queries, search, counts, retention."""
