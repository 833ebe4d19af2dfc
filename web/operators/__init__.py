"""What operators ask of the running system, and what they are shown of its state."""
