"""Pure: values → request bytes, response bytes → captures (SPEC sections 4 and 5). No database, no network, no Flask."""
