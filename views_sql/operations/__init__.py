"""Our Alembic operations, and the plugin that makes them known: a revision needs only ``from alembic import op``.

Invariant: importing this package imports nothing of Alembic, because Alembic loads it while Alembic's own import
is still running.
"""

from importlib import import_module


def setup(_plugin: object) -> None:
    """Register the operations, which importing them does. Alembic calls this for its plugin ``frontview``."""
    import_module("views_sql.operations.registration")
