"""The type of the product's psycopg connections, which return rows as tuples."""

from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]
