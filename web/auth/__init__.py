"""Who sends a request: tokens, the keys that verify them, and one-use sign-in codes."""
