"""Loads a CSV export into a base table: all of it, or nothing, with the line and column of the fault."""

from web.voice.load.fault import LoadError
from web.voice.load.table import BASE_TABLES, load_csv

__all__ = ["BASE_TABLES", "LoadError", "load_csv"]
