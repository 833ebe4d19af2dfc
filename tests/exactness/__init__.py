"""Exactness by random: declared applications, writes and questions from a seed, and an oracle in plain SQL."""
