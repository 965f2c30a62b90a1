"""Users, roles, sessions, tokens and the audit list (specification section 9)."""
