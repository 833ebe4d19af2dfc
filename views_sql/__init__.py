"""Every SQL object that is not a table: what is declared, where its text stands, how migrations install it."""
