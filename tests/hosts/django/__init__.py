"""A help desk whose tables Django made."""
