"""The demo: one command starts, fills, shows and stops the whole system."""
