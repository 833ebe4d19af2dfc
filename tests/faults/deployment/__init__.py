"""The system under fault: its processes, its own PostgreSQL, and the links between them."""
