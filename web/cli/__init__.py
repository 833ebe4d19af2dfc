"""The command line ``frontview``. A command's module is imported only when that command runs.

Invariant: an error that an operator can fix (a setting, an unreachable server, a missing migration) ends in one clear
line on stderr and exit code 1, never in a traceback.
"""

from importlib import import_module
from typing import Any, cast

import click

# From command to its module and the first line of its help: the help page must not import the modules.
COMMANDS = {
    "audit": ("web.cli.audit", "Compare what reads answer with a recomputation; exit code 1 on any difference."),
    "check": ("web.cli.check", "Check a project's declaration: every fault in words; exit code 1 if there is one."),
    "demo": ("web.cli.demo", "Start everything on an embedded PostgreSQL, filled with data."),
    "doctor": ("web.cli.doctor", "Check every precondition, one line each."),
    "erase": ("web.cli.sealing", "Remove a person's sealed rows from every archive and its sums."),
    "invalidate": ("web.cli.invalidate", "Drop answers from every cache now."),
    "load": ("web.cli.load", "Load a CSV export into a base table, all or nothing."),
    "migrate": ("web.cli.migrate", "Bring the database to the newest migrations."),
    "plan": ("web.cli.plan", "Say what a changed declaration changes, and write the revisions that change it."),
    "refresh": ("web.cli.refresh", "Ask the leader to refresh a view now."),
    "refresher": ("web.cli.refresher", "Run the process that drains changes and refreshes views."),
    "release": ("web.cli.release", "Take views of a table away, so that it can be changed."),
    "restore": ("web.cli.release", "Make the views of a changed table again."),
    "seal": ("web.cli.sealing", "Keep the numbers of old days although their rows go."),
    "seed": ("web.cli.seed", "Add users with realistic calls, leads and quality figures."),
    "serve": ("web.cli.serve", "Run the web server."),
    "stats": ("web.cli.stats", "Show workers, hit ratios, invalidations and tasks."),
    "status": ("web.cli.status", "Show alarms, views, staleness, refreshes, leader and workers."),
    "token": ("web.cli.token", "Print a bearer token, or a link that signs in once."),
    "unseal": ("web.cli.sealing", "Let sealed days be computed from their rows again."),
    "warm": ("web.cli.warm", "Put users' answers into every worker's cache ahead of need."),
}


class LazyCommands(click.Group):
    """A group whose commands are imported when called, with one boundary for expected errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in alphabetical order."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, importing its module; None when there is no such command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        return cast("click.Command", getattr(import_module(COMMANDS[cmd_name][0]), cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an expected error becomes its message and exit code 1."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            from web.cli.expected_errors import explain  # noqa: PLC0415  imports the drivers

            if (message := explain(error)) is None:
                raise
            raise click.ClickException(message) from None


@click.command(cls=LazyCommands, name="frontview", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="frontview", prog_name="frontview")
def main() -> None:
    """Always-exact, always-labelled per-user dashboards from stock PostgreSQL."""
