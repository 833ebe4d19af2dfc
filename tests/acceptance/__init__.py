"""The whole system over HTTP, as its users and operators meet it."""
