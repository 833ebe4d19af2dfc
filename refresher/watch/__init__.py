"""What the leader checks while it leads: coverage of the triggers, the audit, and its metrics."""
