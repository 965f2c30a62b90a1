"""What every other package stands on: database, exact JSON, secrets, URLs, logs. It knows nothing of records or webhooks."""
