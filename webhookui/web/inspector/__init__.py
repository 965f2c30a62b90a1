"""The inspector's pages and the URLs that take requests."""
