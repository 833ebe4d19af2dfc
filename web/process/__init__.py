"""One web process: what it owns, its event hub, its processor core, and how it ends."""
