"""``python -m refresher``: the refresher process; several may run, and one of them leads."""

import sys

import psycopg
from sqlalchemy.exc import DBAPIError

from models import FrontviewError, load_settings
from models.logs import configure_logs, warn_of_variables
from refresher.process import run


def main() -> int:
    """Run until asked to stop; return the exit code."""
    try:
        settings = load_settings()
        configure_logs(settings, "refresher")
        warn_of_variables()
        return run(settings)
    except FrontviewError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (
        psycopg.Error,
        DBAPIError,
    ) as error:  # no connection or no rights; later errors only end a term
        reason = error.orig if isinstance(error, DBAPIError) else error
        sys.stderr.write(f"The database cannot be used: {' '.join(str(reason).split())}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
