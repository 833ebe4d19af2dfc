"""What Frontview is compared with: other applications, other tables, other reads of the same data."""
