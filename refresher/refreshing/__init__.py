"""Refreshes: which tier is refreshed when, how a refresh runs, and what is logged of it."""
