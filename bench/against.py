"""``python -m bench.against CHECKOUT``: compares another checkout of this project with this one, in one run.

Each checkout runs with its own ``.venv`` on its own database of one server, seeded alike, through the command line
and HTTP only, so that the two may differ in everything inside. A ratio above 1 says that this checkout is faster.

Invariant: rounds of the two alternate; a ratio is taken round by round, between neighbours in time.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from bench.load.http_load import generate
from bench.load.python_load import answer_to
from bench.load.request import Request
from bench.system.application import ROOT
from bench.system.processes import SECRET, environment_for, free_port, plain_environment, wait_until_it_answers
from bench.system.rounds import interleave
from bench.system.seeded import BY_SIZE, drop
from bench.system.server import Server, running_server
from models.engine import connect
from web.auth.tokens import issue_token

OVERVIEW = "/api/v1/dashboard/overview"
QUIET = {"refresh_min_seconds": "86400"}  # No refresh runs while anything is measured.
POPULATED_SECONDS = 600.0
INSERT = """
INSERT INTO public.calls (user_id, agent_id, status, duration_seconds, cost_cents)
VALUES (%(user)s, %(agent)s, 'completed', 61, 17)
"""
LATE_DAYS = 10
CHANGE_HISTORY = f"""
INSERT INTO public.calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT a.user_id, a.id, now() - make_interval(days => 100 + n), 'completed', 61, 17
FROM (SELECT * FROM public.agents WHERE user_id = %s ORDER BY id LIMIT 1) a, generate_series(1, {LATE_DAYS}) n
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout with its ``.venv`` and the database that it works on."""

    name: str
    folder: Path
    url: str

    def _command(self, *arguments: str, stdout: int, **settings: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self.folder / ".venv/bin/python"), "-m", *arguments],
            cwd=self.folder,
            env={**plain_environment(), **environment_for(self.url, **settings)},
            stdout=stdout,
            stderr=subprocess.DEVNULL,
        )

    def output_of(self, *arguments: str) -> bytes:
        """Run one of its Python modules and return what it printed.

        :raises RuntimeError: it failed.
        """
        with self._command(*arguments, stdout=subprocess.PIPE) as process:
            output, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(arguments)} failed: {output[-1000:]!r}")
        return output

    @contextmanager
    def running(self, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run one of its Python modules for as long as the block lasts."""
        process = self._command(*arguments, stdout=subprocess.DEVNULL, **settings)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)

    def is_populated(self) -> bool:
        """Return whether every tier is populated and covers every change."""
        views = json.loads(self.output_of("web.cli", "status", "--json"))["views"]
        return bool(views) and all(view["populated"] and not view["stale_keys"] for view in views)


@dataclass(frozen=True, slots=True)
class Served:
    """A running system of one checkout."""

    checkout: Checkout
    port: int

    def requests_a_second(self, user: int, seconds: float, *, exact: bool) -> float:
        """Return how many overviews of one user one connection gets a second."""
        connections = 1 if exact else 8
        return generate(self.port, [_overview(user, exact)], connections=connections, seconds=seconds).a_second

    def stale_requests_a_second(self, user: int, seconds: float) -> float:
        """Return how many exact overviews one connection gets a second while ten days of history are stale.

        :raises RuntimeError: the answer says another number of days.
        """
        with connect(self.checkout.url, "frontview-bench-late") as connection:
            connection.execute(CHANGE_HISTORY.encode(), (user,))
        head, _ = answer_to(self.port, _overview(user, exact=True))
        # Where users have zones of their own, the days before and after these are stale too.
        if not any(f'patched={days}"'.encode() in head for days in (LATE_DAYS, LATE_DAYS + 2)):
            raise RuntimeError(f"not {LATE_DAYS} stale days: {head.decode()}")
        return self.requests_a_second(user, seconds, exact=True)

    def inserts_a_second(self, user: int, seconds: float) -> float:
        """Return how many calls one connection inserts a second; nothing waits for the disk."""
        with connect(self.checkout.url, "frontview-bench-insert") as connection:
            connection.execute("SET synchronous_commit = off")
            row = connection.execute("SELECT min(id) FROM public.agents WHERE user_id = %s", (user,)).fetchone()
            values = {"user": user, "agent": row[0] if row else None}
            began, inserted = time.perf_counter(), 0
            while (passed := time.perf_counter() - began) < seconds:
                connection.execute(INSERT, values, prepare=True)
                inserted += 1
        return inserted / passed


def _overview(user: int, exact: bool) -> Request:
    headers = {"Authorization": f"Bearer {issue_token(SECRET, user)}"}
    return Request(OVERVIEW, headers | {"Cache-Control": "no-cache"} if exact else headers)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--calls", default=300_000, show_default=True)
@click.option("--users", default=1_000, show_default=True)
@click.option("--rounds", default=15, show_default=True)
@click.option("--seconds", default=1.0, show_default=True, help="How long each round of each measurement lasts.")
@click.option("--json", "as_json", is_flag=True, help="Print the ratios as JSON.")
def main(checkout: Path, calls: int, users: int, rounds: int, seconds: float, as_json: bool) -> None:
    """Compare CHECKOUT, which has a .venv of its own (make test makes one), with this one."""
    errors = Console(stderr=True)
    with ExitStack() as stack, errors.status("starting a server") as status:
        server = stack.enter_context(running_server())
        served = {}
        for name, folder in (("that", checkout.resolve()), ("this", ROOT)):
            status.update(f"seeding {name}: {folder}")
            compared = Checkout(name, folder, server.at(f"bench_{name}"))
            served[name] = stack.enter_context(_system(server, compared, calls, users))
        largest, middle = _people(served["this"].checkout.url)
        figures = {}
        for what, measure in _measurements(largest, middle, seconds).items():
            status.update(f"measuring: {what}")
            contenders = {name: _bound(measure, it) for name, it in served.items()}
            figures[what] = interleave(contenders, rounds)
    if as_json:
        click.echo(json.dumps(figures))
    else:
        Console().print(_table(figures))


def _measurements(largest: int, middle: int, seconds: float) -> dict[str, Callable[[Served], float]]:
    return {
        "hit over HTTP": lambda it: it.requests_a_second(middle, seconds, exact=False),
        "exact read, largest user": lambda it: it.requests_a_second(largest, seconds, exact=True),
        "exact read, median user": lambda it: it.requests_a_second(middle, seconds, exact=True),
        f"the same, {LATE_DAYS} stale days, largest user": lambda it: it.stale_requests_a_second(largest, seconds),
        f"the same, {LATE_DAYS} stale days, median user": lambda it: it.stale_requests_a_second(middle, seconds),
        "insert with capture": lambda it: it.inserts_a_second(middle, seconds),
    }


def _bound(measure: Callable[[Served], float], served: Served) -> Callable[[], float]:
    return lambda: measure(served)


@contextmanager
def _system(server: Server, checkout: Checkout, calls: int, users: int) -> Iterator[Served]:
    """Run a whole system of one checkout on a seeded database whose views are populated and quiet."""
    database = checkout.url.rpartition("/")[2].partition("?")[0]
    drop(server.url, database)
    with connect(server.url, "frontview-bench-against") as connection:
        connection.execute(f"CREATE DATABASE {database}")
    checkout.output_of("alembic", "upgrade", "heads")
    checkout.output_of("web.cli", "seed", "--users", str(users), "--calls", str(calls))
    with checkout.running("refresher"):
        end = time.monotonic() + POPULATED_SECONDS
        while not checkout.is_populated():
            if time.monotonic() > end:
                raise RuntimeError(f"{checkout.name}: the views are not populated within {POPULATED_SECONDS:.0f} s")
            time.sleep(0.5)
    with connect(checkout.url, "frontview-bench-against") as connection:
        connection.execute("VACUUM (ANALYZE)")
    port = free_port()
    serve = ("web.cli", "serve", "--port", str(port), "--workers", "1")
    with checkout.running("refresher", **QUIET), checkout.running(*serve) as web:
        wait_until_it_answers(f"http://127.0.0.1:{port}/readyz", web)
        yield Served(checkout, port)


def _people(url: str) -> tuple[int, int]:
    """Return the largest and the median user."""
    with connect(url, "frontview-bench-people") as connection:
        users = [row[0] for row in connection.execute(BY_SIZE)]
    return users[0], users[len(users) // 2]


def _table(figures: dict[str, dict[str, list[float]]]) -> Table:
    table = Table("a second", "this", "that", "ratio", "rounds")
    for what, of in figures.items():
        ratios = [this / that for this, that in zip(of["this"], of["that"], strict=True)]
        rows = [f"{median(of['this']):,.0f}", f"{median(of['that']):,.0f}", f"{median(ratios):.2f}"]
        table.add_row(what, *rows, f"{min(ratios):.2f} … {max(ratios):.2f}")
    return table


if __name__ == "__main__":
    main()
