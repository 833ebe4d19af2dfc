"""``python -m bench``: measures the questions one after the other and shows the findings.

Invariant: exit code 1 when a question could not be answered; a missed goal is shown, and is not a failure.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.findings.finding import Absence, Finding
from bench.findings.pictures import NoDrawingLibrary, draw
from bench.questions.registry import QUESTIONS, Found, measure_of
from bench.report import table, usual_file, write_json
from bench.system.application import ROOT
from bench.system.scale import GOALS_ARE_FOR, SCALES, Scale
from bench.system.seeded import drop, people_of
from bench.system.server import Server, given_server, running_server
from bench.system.stand import Stand
from bench.system.template import seeded_template

NARROWEST_COLUMNS = 150


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("questions", nargs=-1, type=click.Choice(QUESTIONS), metavar="[QUESTION ...]")
@click.option(
    "--scale",
    "scale_name",
    type=click.Choice(list(SCALES)),
    default="standard",
    show_default=True,
    help="small: everything in five to six minutes.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="[default: bench/results/…]")
@click.option("--server", "server_url", metavar="URL", help="A superuser's, of a server to use instead of an own one.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run the server in this folder and leave it for the next run of the same day.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"[default: docs/images at --scale {GOALS_ARE_FOR}, else bench/results]",
)
def main(
    questions: tuple[str, ...],
    scale_name: str,
    json_file: Path | None,
    server_url: str | None,
    keep: Path | None,
    pictures: Path | None,
) -> None:
    """Measure Frontview beside its peers, in interleaved rounds, on a PostgreSQL of its own.

    Without QUESTION, all of them: see bench/README.md. On a given server the run makes and drops databases named
    bench_* and seed_*. Findings are written after each question; an interrupted run
    keeps those of the earlier questions.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    console, errors = Console(), Console(stderr=True)
    console.width = max(console.width, NARROWEST_COLUMNS)
    with ExitStack() as stack:
        server = given_server(server_url) if server_url else stack.enter_context(running_server(keep))
        run = stack.enter_context(_Run(server, SCALES[scale_name], errors))
        if server_url:
            stack.callback(run.forget)
        found: dict[str, list[Found] | None] = {}
        path = json_file or usual_file(SCALES[scale_name])
        for question, findings in run.ask(questions or QUESTIONS):
            found[question] = findings
            write_json(server, SCALES[scale_name], found, path)  # an interrupted run keeps its findings
    for question, findings in found.items():
        console.print(table(question, findings))
    if scale_name != GOALS_ARE_FOR:
        console.print(f"Goals are meant for --scale {GOALS_ARE_FOR}.", style="dim")
    console.print(f"Written to {path}")
    _draw(found, pictures or _pictures_of(scale_name), SCALES[scale_name], console)
    sys.exit(any(findings is None for findings in found.values()))


def _pictures_of(scale_name: str) -> Path:
    """Return where pictures go: a small run does not replace those of the documents."""
    return ROOT / ("docs/images" if scale_name == GOALS_ARE_FOR else "bench/results")


def _draw(found: dict[str, list[Found] | None], folder: Path, scale: Scale, console: Console) -> None:
    caption = f"scale {scale.name}: {scale.calls:,} calls, {scale.users:,} users, {len(os.sched_getaffinity(0))} cores"
    drawn = [it for questions in found.values() for it in questions or () if not isinstance(it, Finding | Absence)]
    try:
        with ProcessPoolExecutor(max(1, min(len(drawn), len(os.sched_getaffinity(0))))) as processes:
            files = list(processes.map(partial(draw, folder=folder, caption=caption), drawn))
    except NoDrawingLibrary:
        console.print("No pictures: matplotlib is missing; install the extra: pip install 'frontview[bench]'.")
        return
    if files:
        console.print(f"{len(files)} pictures in {folder}: {', '.join(file.name for file in files)}")


class _Run:
    """One run: a progress bar, and the questions asked under it."""

    def __init__(self, server: Server, scale: Scale, console: Console) -> None:
        self._server, self._scale, self._console = server, scale, console
        self._template = ""
        columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console)

    def __enter__(self) -> "_Run":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def ask(self, questions: tuple[str, ...]) -> Iterator[tuple[str, list[Found] | None]]:
        """Yield each question with its findings, None where it failed."""
        seeding = self._bar.add_task("seed", total=self._scale.calls)
        template = seeded_template(self._server, self._scale, lambda calls: self._bar.update(seeding, advance=calls))
        self._template = template
        self._bar.update(seeding, completed=self._scale.calls)
        stand = Stand(self._server, self._scale, template, people_of(self._server.at(template)))
        for question in questions:
            yield question, self._ask(question, stand)

    def forget(self) -> None:
        """Drop the seeded database."""
        if self._template:
            drop(self._server.url, self._template)

    def _ask(self, question: str, stand: Stand) -> list[Found] | None:
        task = self._bar.add_task(question, total=None)
        stand.on_total = lambda total: self._bar.update(task, total=total)
        stand.on_step = lambda: self._bar.advance(task)
        try:
            return list(measure_of(question)(stand))
        except Exception:
            self._console.print_exception(suppress=[click])
            return None
        finally:
            self._bar.stop_task(task)


if __name__ == "__main__":
    main()
