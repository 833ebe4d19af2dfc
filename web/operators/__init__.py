"""What operators ask of the running system, and what they are told about it."""
