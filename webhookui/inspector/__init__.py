"""The inspector: an address of the app that accepts any request, shows it, answers as scripted (SPEC section 4.6)."""
