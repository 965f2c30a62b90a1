"""Pure: values → request bytes, response bytes → captures (specification sections 4 and 5). No database, no network, no Flask."""
