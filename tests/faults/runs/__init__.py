"""Runs: what strikes, judges and reports."""
