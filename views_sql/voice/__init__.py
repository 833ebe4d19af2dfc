"""The reference application: voice agents, their calls, leads and quality."""
