"""The inspector: an address of the app that accepts any request, shows it, answers as scripted (specification section 4.6)."""
