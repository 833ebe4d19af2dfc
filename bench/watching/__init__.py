"""Watching from outside how long a committed write takes to be seen."""
