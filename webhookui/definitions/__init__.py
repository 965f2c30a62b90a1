"""What admins have defined: workflows, their webhooks, versions and holds, as rows; and what is switched on."""
