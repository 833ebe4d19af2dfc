"""The front cache of a web worker: entries, regions, the feed it follows, and when it may be trusted."""
