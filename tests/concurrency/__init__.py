"""A storm of writers, refreshes and readers, and what it must find."""
