"""The real services on a real PostgreSQL, driven at random against a provider that keeps its own log."""
