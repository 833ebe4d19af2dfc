"""The oracle: what every read must answer, computed from the base tables by SQL of its own, and compared."""
