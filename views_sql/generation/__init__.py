"""Templates of SQL and the Python that fills them: from what is declared to lists of DDL statements."""
