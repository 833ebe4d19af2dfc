"""The refresher process, and the front cache that runs in each web worker; see README.md of this folder."""
