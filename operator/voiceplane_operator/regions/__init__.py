"""The clusters behind regions: credentials, connections, watches, and when one is lost."""
