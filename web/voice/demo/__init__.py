"""The demo: everything started, filled, shown and stopped by one command."""
