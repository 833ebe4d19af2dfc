"""The pages in a real browser; see tests/README.md."""
