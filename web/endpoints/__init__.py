"""All HTTP endpoints but the application's dashboards, one file each, with their documentation; and the pages."""
