"""The bundled application's seed data and demo; what it serves is its declaration."""
