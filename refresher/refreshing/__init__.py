"""Refreshing: which view is refreshed when, how a refresh runs, and what is collected afterwards."""
