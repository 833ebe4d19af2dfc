"""The type of every psycopg connection that the product works with: rows come back as tuples."""

from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]
