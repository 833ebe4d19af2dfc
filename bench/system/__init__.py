"""What a question measures in: its scale, a PostgreSQL, seeded databases, Frontview's processes, and rounds."""
