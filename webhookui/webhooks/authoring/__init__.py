"""What helps to write a webhook: cURL commands, sample bodies and responses, recipes."""
