"""Load: requests over HTTP, statements by pgbench, and the clients of open pages."""
