"""A deterministic simulation of one worker's cache over a simulated database; see tests/README.md."""
