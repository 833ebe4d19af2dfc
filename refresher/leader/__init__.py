"""Leader election, the drain of the change log, the leader's sessions, and alarms."""
