"""The path of a read: front cache, exact read, and fills ahead of need."""
