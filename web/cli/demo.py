"""``frontview demo``: starts the whole system from an empty directory, and stops it again.

Invariant: SIGTERM and Ctrl-C end it with exit code 0 at any moment; processes are stopped in the reverse order of
their start, the embedded database last.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

import click

from models import Settings, load_settings

TOKEN_SECONDS = 86_400
LINK_SECONDS = 3_600
CHILD_CHECK_SECONDS = 0.5  # How often the demo checks that its processes still run.


class Stopped(BaseException):
    """A signal asked the demo to end."""


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port of the web server.")
@click.option("--users", default=200, show_default=True, type=click.IntRange(1, 10**6), help="Users to create.")
@click.option(
    "--calls", default=60_000, show_default=True, type=click.IntRange(1, 10**8), help="Calls of all users together."
)
@click.option("--once", is_flag=True, help="Show and check one user's overview from each source, then stop.")
def demo(port: int, users: int, calls: int, once: bool) -> None:
    """Start the whole system, filled with data; Ctrl-C stops it.

    It uses FRONTVIEW_DATABASE_URL if set, otherwise an embedded PostgreSQL. Only a database without users is filled,
    and calls are written only for users that a demo or a seed created.
    """
    began = time.monotonic()
    with stoppable(), ExitStack() as cleanup:
        from web.cli.serve import check_address  # noqa: PLC0415

        check_address("127.0.0.1", port)
        settings = load_settings()
        url = _database(settings)
        _fill(url, users, calls, settings.database_url is not None)
        environment = child_environment(settings, url)
        children = _start(environment, settings, url, port, cleanup)
        click.echo(f"Ready after {time.monotonic() - began:.0f} s.")
        if once:
            _prove(settings, url, port, environment)
        else:
            _keep_running(settings, url, port, environment, children, cleanup)


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise :class:`Stopped` in the block at the first SIGTERM or SIGINT, and end the block quietly then."""

    def stop(_number: int, _frame: Any) -> NoReturn:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # Stopping the processes must not be interrupted.
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except Stopped:
        click.echo("\nStopped.")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _database(settings: Settings) -> str:
    """Return the URL of a running, migrated database."""
    from models.embedded import direct_url  # noqa: PLC0415
    from web.cli.migrate import upgrade  # noqa: PLC0415

    if settings.database_url is None:
        click.echo(f"Starting the embedded PostgreSQL in {settings.data_dir} …")
    url = direct_url(settings)
    click.echo("Migrating …")
    upgrade()
    return url


def _fill(url: str, users: int, calls: int, is_own: bool) -> None:
    """Fill an empty database; if it holds users, say that it is left unchanged."""
    from models.engine import connect  # noqa: PLC0415
    from web.cli.progress import progress  # noqa: PLC0415
    from web.cli.seed import summary  # noqa: PLC0415
    from web.voice.seed import SeedPlan, write_seed  # noqa: PLC0415

    with connect(url, "frontview-demo") as connection:
        if connection.execute("SELECT EXISTS (SELECT FROM users)").fetchone() == (True,):
            whose = "FRONTVIEW_DATABASE_URL" if is_own else "The embedded database"
            click.echo(f"{whose} already holds users: nothing is added.")
            return
        click.echo(f"Creating {users:,} users with {calls:,} calls …")
        with progress("Calls", calls) as advance:
            result = write_seed(connection, SeedPlan(users, calls), advance)
    click.echo(summary(result))


def child_environment(settings: Settings, url: str) -> dict[str, str]:
    """Return the environment of the processes: this one's with the database and the secret that the tokens need."""
    from models.embedded import embedded_secret  # noqa: PLC0415

    environment = dict(os.environ)
    environment["FRONTVIEW_DATABASE_URL"] = settings.database_url or url
    if not environment.get("FRONTVIEW_RATE_LIMIT_PER_SECOND"):
        environment["FRONTVIEW_RATE_LIMIT_PER_SECOND"] = "0"  # --once reads as one user, often.
    if settings.jwt_secret is not None:
        return environment
    if environment.pop("FRONTVIEW_JWKS_URL", ""):
        click.echo("The demo issues tokens itself: FRONTVIEW_JWKS_URL is not used.")
    environment["FRONTVIEW_JWT_SECRET"] = embedded_secret(settings.data_dir)
    return environment


def _start(environment: dict[str, str], settings: Settings, url: str, port: int, cleanup: ExitStack) -> list[Any]:
    """Start the refresher and the web server; return both once they are ready."""
    from models.engine import connect  # noqa: PLC0415
    from web.voice.demo.client import is_ready  # noqa: PLC0415
    from web.voice.demo.stage import Child, wait_until  # noqa: PLC0415

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    children: list[Child] = []
    for name, module in (
        ("refresher", ["refresher"]),
        ("web server", ["web.cli", "serve", "--port", str(port)]),
    ):
        log = settings.data_dir / f"demo-{name.replace(' ', '-')}.log"
        children.append(child := Child.start(name, module, environment, log))
        cleanup.callback(child.stop)
    click.echo("Waiting for the views to be populated …")
    with connect(url, "frontview-demo") as connection:
        unpopulated = "SELECT EXISTS (SELECT FROM frontview.view_state WHERE through IS NULL)"
        wait_until(lambda: connection.execute(unpopulated).fetchone() == (False,), "the views were populated", children)
    click.echo("Waiting for the web server …")
    wait_until(lambda: is_ready(port), "the web server was ready", children)
    return children


def _token(settings: Settings, environment: dict[str, str], user: int, *, admin: bool = False) -> str:
    from web.auth.tokens import issue_token  # noqa: PLC0415

    return issue_token(
        environment["FRONTVIEW_JWT_SECRET"],
        user,
        admin=admin,
        ttl_seconds=TOKEN_SECONDS,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
    )


def _prove(settings: Settings, url: str, port: int, environment: dict[str, str]) -> None:
    """Show and check the three sources and the effect of a write."""
    from models.engine import connect  # noqa: PLC0415
    from web.voice.demo.callers import demo_users  # noqa: PLC0415
    from web.voice.demo.client import Client  # noqa: PLC0415
    from web.voice.demo.proof import prove  # noqa: PLC0415
    from web.voice.demo.stage import DemoError  # noqa: PLC0415

    with connect(url, "frontview-demo") as connection:
        if not (users := demo_users(connection)):
            raise DemoError("This database holds no users of a demo, and --once writes a call only for such a user.")
        user, agents = users[0]
        client = Client(port, _token(settings, environment, user))
        prove(connection, client, user, agents[0], settings.trust_seconds, click.echo)
        client.close()
    click.echo("\nEverything is as promised.")


def _keep_running(
    settings: Settings,
    url: str,
    port: int,
    environment: dict[str, str],
    children: list[Any],
    cleanup: ExitStack,
) -> None:
    """Print how to sign in, and write calls until the demo is stopped or a process ends."""
    from models.engine import connect  # noqa: PLC0415
    from web.voice.demo.callers import Callers, demo_users  # noqa: PLC0415

    with connect(url, "frontview-demo") as connection:
        users = demo_users(connection)
    user = users[0][0] if users else 1
    _show_access(settings, url, port, environment, user)
    if users:
        callers = Callers(
            lambda: connect(url, "frontview-demo-callers"), users, lambda line: click.echo(line, err=True)
        )
        callers.start()
        cleanup.callback(callers.stop)
        click.echo("A few calls a second are being written; the numbers change. Ctrl-C stops everything.")
    else:
        click.echo("No user here was created by a demo, so no calls are written. Ctrl-C stops everything.")
    sys.stdout.flush()
    while True:
        for child in children:
            child.require_alive()
        time.sleep(CHILD_CHECK_SECONDS)


def _show_access(settings: Settings, url: str, port: int, environment: dict[str, str], user: int) -> None:
    """Print links that sign in, tokens, and example commands."""
    base = f"http://127.0.0.1:{port}{settings.url_prefix}"
    own = _token(settings, environment, user)
    admin = _token(settings, environment, user, admin=True)
    click.echo(
        f"""
Dashboard  {_link(url, base, own)}

Operators  {_link(url, base, admin, admin=True)}

Each link signs in once, within an hour. After that, paste a token from below, or start the demo again.

API        {base}/docs

Token of user {user} (valid for a day):
{own}

Token of an admin:
{admin}

curl -s -H 'Authorization: Bearer {own}' {base}/api/v1/dashboard/overview

curl -s -H 'Authorization: Bearer {admin}' '{base}/api/v1/dashboard/overview?user_id={user + 1}'
"""
    )


def _link(url: str, base: str, token: str, *, admin: bool = False) -> str:
    """Return the address of a page that signs in with ``token``, once."""
    from models.engine import connect  # noqa: PLC0415
    from web.auth.sign_in_codes import make_sign_in_code  # noqa: PLC0415
    from web.cli.token import page_link  # noqa: PLC0415

    with connect(url, "frontview-demo") as connection:
        return page_link(base, admin) + make_sign_in_code(connection, token, LINK_SECONDS).code
