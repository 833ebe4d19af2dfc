"""Events in partitions that a job makes each month."""
