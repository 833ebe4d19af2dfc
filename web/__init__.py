"""The web process: the only way in for users; answers every read exactly or says that it cannot."""
