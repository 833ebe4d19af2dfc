"""Leading: the advisory lock, the drain of the change log, and the alarms of the process that leads."""
