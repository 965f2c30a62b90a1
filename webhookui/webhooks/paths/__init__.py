"""JSONPath and XPath."""
