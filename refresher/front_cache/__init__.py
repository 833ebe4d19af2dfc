"""The front cache of a web worker: entries, running computations, the feed that the cache follows, and its trust."""
