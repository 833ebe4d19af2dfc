"""What the database says of itself, during a run and after it."""
