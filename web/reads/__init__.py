"""The path of a read: front cache, single flight, exact read, and fills ahead of need."""
