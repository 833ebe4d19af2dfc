"""``python -m tests.faults``: strikes a whole system with one fault after another and shows what came of each.

Invariant: exit code 1 unless every fault that can be made here bit and was survived; then the logs are left, and
where they are is printed.
"""

import random
import signal
import sys
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults.faults import FAULTS, faults_named
from tests.faults.faults.fault import Fault
from tests.faults.runs import report
from tests.faults.runs.outcome import Outcome
from tests.faults.runs.random_runs import RANDOM_RUNS, RandomRun
from tests.faults.runs.runner import Runner
from tests.faults.runs.soak import Soak


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", metavar="1,5,12a", help="Only these faults, or exactness, or declarations.")
@click.option("--list", "listing", is_flag=True, help="Show the faults and end.")
@click.option("--pairs", type=click.IntRange(1), help="Strike with this many random pairs of faults, healed crosswise.")
@click.option("--seed", type=int, help="Of everything random.  [default: random, and printed]")
@click.option("--short", is_flag=True, help="Faults last as in the suite, where they are part of it.")
@click.option("--hold", "hold_seconds", type=float, metavar="SECONDS", help="How long every fault lasts instead.")
@click.option(
    "--soak", "soak_minutes", type=float, metavar="MINUTES", help="Load for so long, a random fault a minute."
)
@click.option("--writes", type=float, default=500, show_default=True, help="A second, in a soak.")
@click.option("--reads", type=float, default=2000, show_default=True, help="A second, in a soak.")
@click.option("--report", "report_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a table there.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write everything there.")
@click.option("--keep", is_flag=True, help="Leave the logs in any case.")
def main(
    only: str | None,
    listing: bool,
    pairs: int | None,
    seed: int | None,
    short: bool,
    hold_seconds: float | None,
    soak_minutes: float | None,
    writes: float,
    reads: float,
    report_file: Path | None,
    json_file: Path | None,
    keep: bool,
) -> None:
    """Strike a whole system under load with each fault of the matrix, and check what must hold."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was started is ended
    console = Console(soft_wrap=True)
    chosen, random_runs = _chosen(only)
    if listing:
        for fault in (*chosen, *random_runs):
            console.print(f"{fault.number:>4}  {escape(fault.name)}  [dim]({escape(fault.must_hold)})[/]")
        return
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    folder = Path(mkdtemp(prefix="frontview-faults-"))
    console.print(f"seed {seed}; logs in {folder}", style="dim")
    plan = _pairs(chosen, pairs, seed) if pairs else [(fault,) for fault in chosen]
    if soak_minutes is not None:
        outcomes = [_soak(console, folder, seed, soak_minutes, writes, reads, chosen)]
    else:
        outcomes = _run_all(console, Runner(folder, short=short, hold_seconds=hold_seconds, seed=seed), plan)
        outcomes += [] if pairs else [_run_alone(console, run, seed) for run in random_runs]
    command = f"make faults ARGS='{' '.join(sys.argv[1:])}'" if sys.argv[1:] else "make faults"
    if report_file:
        report_file.write_text(report.markdown(outcomes, command))
    if json_file:
        report.write_json(outcomes, json_file, seed=seed, command=command)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    _end(console, folder, failed, keep)
    sys.exit(bool(failed))


def _chosen(only: str | None) -> tuple[list[type[Fault]], list[RandomRun]]:
    """Return the faults and the random runs that are named; without names, all of them."""
    if not only:
        return list(FAULTS), list(RANDOM_RUNS)
    names = only.replace(" ", "").split(",")
    runs = [run for run in RANDOM_RUNS if run.number in names]
    numbers = ",".join(name for name in names if name not in {run.number for run in runs})
    try:
        return faults_named(numbers), runs
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--only") from None


def _run_alone(console: Console, run: RandomRun, seed: int) -> Outcome:
    outcome = run.run(seed, lambda line: console.print(f"    {escape(line)}", style="dim"))
    console.print(report.line(outcome))
    if not outcome.ok:
        console.print(f"    {escape(outcome.why)}", style="red")
    return outcome


def _pairs(chosen: list[type[Fault]], count: int, seed: int) -> list[tuple[type[Fault], ...]]:
    """Return random pairs of faults that touch nothing alike, in random order."""
    possible = [
        (one, other)
        for one in chosen
        for other in chosen
        if one.touches and other.touches and not one.touches & other.touches and one.stage == other.stage
    ]
    if not possible:
        raise click.BadParameter("no two of these faults can strike together", param_hint="--pairs")
    chance = random.Random(seed)
    return [chance.choice(possible) for _ in range(count)]


def _run_all(console: Console, runner: Runner, plan: list[tuple[type[Fault], ...]]) -> list[Outcome]:
    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    # faults of one stage follow each other, so that they share a deployment
    stages = list({repr(faults[0].stage): None for faults in plan})
    plan = sorted(plan, key=lambda faults: stages.index(repr(faults[0].stage)))
    outcomes = []
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=len(plan))
        try:
            for faults in plan:
                number = "+".join(fault.number for fault in faults)
                runner.say = lambda what, number=number: bar.update(task, description=f"{number}: {what}")
                outcome = runner.run(*(fault() for fault in faults))
                outcomes.append(outcome)
                bar.advance(task)
                console.print(report.line(outcome))
                for violation in outcome.violations:
                    console.print(f"    {escape(violation)}", style="red")
                if not outcome.ok and outcome.why:
                    console.print(f"    {escape(outcome.why)}", style="red")
        finally:
            runner.end_deployment()
    return outcomes


def _soak(
    console: Console,
    folder: Path,
    seed: int,
    minutes: float,
    writes: float,
    reads: float,
    chosen: list[type[Fault]],
) -> Outcome:
    with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("soak")
        began = monotonic()
        runner = Runner(folder, seed=seed, say=lambda what: bar.update(task, description=f"soak: {what}"))
        try:
            soak = Soak(runner, chosen, minutes=minutes, writes=writes, reads=reads, tell=console.print)
            outcome = soak.run()
        finally:
            runner.end_deployment()
    outcome.seconds = monotonic() - began
    console.print(report.line(outcome))
    for violation in outcome.violations:
        console.print(f"    {escape(violation)}", style="red")
    return outcome


def _end(console: Console, folder: Path, failed: list[Outcome], keep: bool) -> None:
    if failed:
        console.print(f"{len(failed)} not survived: {', '.join(it.number for it in failed)}", style="red")
    if failed or keep:
        console.print(f"Logs are in {folder}")
    else:
        Runner(folder).close(keep=False)


if __name__ == "__main__":
    main()
