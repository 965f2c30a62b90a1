"""An HTTP client that knows no delivery: connections, address policy, OAuth 2, and what an error means."""
