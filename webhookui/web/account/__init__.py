"""The user's own page, the first start, and login."""
