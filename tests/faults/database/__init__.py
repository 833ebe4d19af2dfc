"""What the database reports about itself, during a run and after it."""
