"""The only SQL: one schema over SQLite and PostgreSQL, one transaction a request."""
