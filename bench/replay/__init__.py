"""Replaying a trace of readers against a worker's cache and the leader's planning."""
