"""Settings: users, network, audit, modules and fields, mail, retention."""
