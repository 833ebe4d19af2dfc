"""The HTTP endpoints that belong to no application, one file each, with their documentation."""
