"""``python -m tests.exactness``: compares answers of random applications on every server of this machine at once.

Invariant: exit code 1 unless every answer was what plain SQL gives; each seed that was not can be run again alone.
"""

import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import Process, SimpleQueue
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from traceback import format_exception_only, format_tb
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.conftest import pytest_configure as log_as_production_does
from tests.exactness.dashboards.installation import installed_dashboards
from tests.exactness.installation import installed
from tests.exactness.upkeep import Differs, Upkeep
from tests.fix_postgres import Server, embedded, of_the_machine, system_binaries

EACH, AT_ONCE = 200, 5
Install = Callable[[Server, int, Path], AbstractContextManager[Upkeep[Any]]]
KINDS: tuple[Install, ...] = (installed, installed_dashboards)
SERVERS: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "embedded": embedded,
    "machine": lambda: of_the_machine(_binaries()),
}
Result = tuple[str, int, int, str]
"""A server, a seed, how many answers were compared, and what was wrong."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--comparisons", type=click.IntRange(1), default=20_000, show_default=True, help="On all servers.")
@click.option("--seed", type=int, help="The first application.  [default: random, and printed]")
@click.option("--server", "only", type=click.Choice(list(SERVERS)), help="Only this one.  [default: those there are]")
@click.option("--alone", is_flag=True, help="Only the application of that seed.")
def main(comparisons: int, seed: int | None, only: str | None, alone: bool) -> None:
    """Install random applications, write to them, and compare each answer with plain SQL in its own snapshot."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was started is ended
    console = Console(soft_wrap=True)
    servers = [only] if only else [name for name in SERVERS if name != "machine" or system_binaries()]
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    count = 1 if alone else -(-comparisons // (EACH * len(KINDS) * len(servers)))
    seeds = range(seed, seed + count)
    console.print(f"applications of seeds {seeds[0]} to {seeds[-1]}, on each of: {', '.join(servers)}", style="dim")
    failed = compared = 0
    for server, it, number, wrong in _progress(console, servers, seeds):
        compared += number
        if wrong:
            failed += 1
            console.print(escape(wrong), style="red")
            console.print(f"Again: .venv/bin/python -m tests.exactness --server {server} --seed {it} --alone")
    console.print(f"{compared} answers compared, {failed} applications failed")
    sys.exit(bool(failed))


def _binaries() -> Path:
    found = system_binaries()
    if found is None:
        raise click.ClickException("this machine has no PostgreSQL 15 to 17 of its own")
    return found


def _progress(console: Console, servers: list[str], seeds: range) -> Iterator[Result]:
    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    with _running(servers, seeds) as next_result, Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("applications", total=len(servers) * len(seeds))
        for number in range(len(servers) * len(seeds)):
            result = next_result()
            bar.advance(task)
            if not console.is_terminal and number % 25 == 24:
                console.print(f"{number + 1} of {len(servers) * len(seeds)} applications")
            yield result


@contextmanager
def _running(servers: list[str], seeds: range) -> Iterator[Callable[[], Result]]:
    """Run the seeds on each server in a process of its own; what is yielded waits for the next result."""
    results: SimpleQueue[Result] = SimpleQueue()
    processes = [Process(target=_run_all, args=(server, seeds, results)) for server in servers]
    for process in processes:
        process.start()

    def next_result() -> Result:
        while results.empty():
            if any(process.exitcode for process in processes):
                raise click.ClickException("a process ended before its time")
            sleep(0.05)
        return results.get()

    try:
        yield next_result
    finally:
        for process in processes:
            process.join(20)
            process.terminate()


def _run_all(name: str, seeds: range, results: "SimpleQueue[Result]") -> None:
    log_as_production_does()
    rest = iter(seeds)
    try:
        with SERVERS[name]() as server:
            for seed in rest:
                results.put((name, seed, *_run(server, seed)))
    except Exception as error:  # Whatever it is, somebody waits for a result.
        for seed in rest:
            results.put((name, seed, 0, "".join(format_exception_only(error))))


def _run(server: Server, seed: int) -> tuple[int, str]:
    """Return how many answers of a seed's applications were compared, and what was wrong."""
    compared = 0
    for kind in KINDS:
        made = None
        try:
            with TemporaryDirectory() as folder, kind(server, seed, Path(folder)) as made:
                made.run(EACH, AT_ONCE)
        except Exception as error:  # Whatever it is, it is what was found, and other seeds go on.
            where = "" if isinstance(error, Differs) else "".join(format_tb(error.__traceback__)[-2:])
            compared += made.compared.total() if made else 0
            return compared, f"seed {seed}, {kind.__name__}: {where}{''.join(format_exception_only(error))}"
        compared += made.compared.total()
    return compared, ""


if __name__ == "__main__":
    main()
