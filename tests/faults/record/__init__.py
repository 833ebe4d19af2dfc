"""What happened in a run, as plain values: the lowest room."""
