"""The web worker's side of warming: what is read, what is planned, and what is filled ahead of reads."""
