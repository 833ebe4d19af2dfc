"""The maintenance process and the front cache it keeps fresh; see README.md of this folder."""
