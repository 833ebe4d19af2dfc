"""Databases as other people's tools make them, each served from one `frontview.toml` and nothing else."""
