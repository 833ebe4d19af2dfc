"""Loads a CSV export into a table of the application: all of it, or nothing, with the line and column of the fault."""

from web.load.copying import load_csv
from web.load.fault import LoadError

__all__ = ["LoadError", "load_csv"]
