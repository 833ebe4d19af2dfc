"""A store whose tables Rails made."""
