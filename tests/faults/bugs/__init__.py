"""The test of the test: seeded bugs that the checker must find."""
