"""Programs that measure a web worker's own parts in a process of their own, without a server."""
