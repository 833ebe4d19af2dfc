"""The bundled application: its endpoints, parameters, answers, seed data, CSV files, and demo."""
