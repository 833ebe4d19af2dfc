"""What an application declares: sources, maintained views, cache regions and dashboards."""
