"""PostgreSQL judges a declaration: what it refuses, what it proves, and what the declared views will cost."""
