"""Users, roles, sessions, tokens and the audit list (SPEC section 9)."""
