"""The words of a verdict for a terminal: what is declared, what it costs, and what is missing, in the order to act."""

from collections.abc import Iterable, Iterator

from views_sql.declaration.application import Application
from views_sql.declaration.proven import ProvenSource, ProvenTable, ProvenView
from views_sql.proof.shown_words import shown_lines
from views_sql.proof.verdict import Price, Verdict

OF_SIZES = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB"))


def lines(application: Application, verdict: Verdict) -> list[str]:
    """Return the lines that ``frontview check`` prints, without colours."""
    said = [f"{', '.join(_counts(application))} of {_users(verdict, application)}"]
    if verdict.proven:
        for view in verdict.proven.views:
            said += _view(view, _price(verdict, view.name))
        said += shown_lines(application, verdict.proven)
        said += _section("Resting on what the author asserts", list(_asserted(verdict.proven.views)))
    said += _section("To be mended", [*map(str, verdict.faults)])
    said += _section("To be considered", [*map(str, verdict.warnings), *_expensive(verdict)])
    advice = [f"{advice.statement}  -- {advice.reason}" for advice in verdict.advice]
    said += _section("To be run in the database, before frontview migrate", advice)
    return [*said, "", _end(verdict)]


def _counts(application: Application) -> list[str]:
    kinds = (("view", application.views), ("dashboard", application.dashboards), ("list", application.lists))
    return [_counted(len(there), kind) for kind, there in kinds if there]


def _users(verdict: Verdict, application: Application) -> str:
    users = f"the users of {application.user.table}" if application.user.table else "every user key that occurs"
    return f"{users} (keys: {verdict.proven.key_kind})" if verdict.proven else users


def _view(view: ProvenView, price: Price | None) -> list[str]:
    source = view.source
    day = "no days" if source.time_column is None else f"days of {source.time_column}"
    if source.default_zone:
        day += f" in each user's own zone, or else {source.default_zone}"
    elif source.zone:
        day += f" in {source.zone}"
    what = [f"{view.name}: {_spelled(source.table)} by {source.user_column}, {day}"]
    what.append(f"  measures {', '.join(measure.name for measure in view.measures)}")
    if view.dimensions:
        what.append(f"  grouped by {', '.join(view.dimensions)}")
    if view.select:
        what.append(f"  rows of {view.select}")
    what.append(f"  a change of {_watched(source)} counts")
    for other in view.more_sources:
        day = f"the day of {other.time_column}" if other.time_column else "all days"
        what.append(f"  a change of {_spelled(other.table)} concerns {day} of {other.user_column}: {_watched(other)}")
    return ["", *what, *([f"  {_cost(price)}"] if price else [])]


def _spelled(table: ProvenTable) -> str:
    return f"{table.schema}.{table.name}"


def _watched(source: ProvenSource) -> str:
    return ", ".join(watched.column for watched in source.watched) or "its user or time alone"


def _asserted(views: Iterable[ProvenView]) -> Iterator[str]:
    """Yield what PostgreSQL cannot prove, view by view, so that it can be counted."""
    for view in views:
        if view.select:
            yield f"view.{view.name}.select: that its rows depend on rows of their user and day only ({view.select})"
        if view.trusted:
            yield f"view.{view.name}.trust: that nothing else decides what {', '.join(view.trusted)} returns"


def _cost(price: Price) -> str:
    if not price.rows:
        which = "rows count yet" if price.exact else "row of a sample counts"
        return f"no {which}, so nothing says what it will cost"
    stored = [f"{_number(price, price.rows)} rows make {_number(price, price.groups)} groups"]
    stored += [f"{_number(price, groups)} more for the values of {name}" for name, groups in price.hidden.items()]
    seconds = max(price.population_seconds, 0.1)
    return (
        f"{', '.join(stored)}: about {_size(price.bytes)} are stored; "
        f"the first refresh reads the whole table, in about {seconds:,.1f} s"
    )


def _number(price: Price, number: int) -> str:
    """Return a number; of an estimate the first two digits."""
    if price.exact or number < 100:
        return f"{number:,}"
    return f"about {round(number, 2 - len(str(number))):,}"


def _expensive(verdict: Verdict) -> list[str]:
    return [_saves_nothing(price) for price in verdict.prices if price.saves_nothing]


def _saves_nothing(price: Price) -> str:
    way_out = "since its users have few rows that could be counted together"
    if price.widest:
        way_out = f"drop a dimension ({price.widest[0]} has {_number(price, price.widest[1])} values)"
    rows, groups = _number(price, price.rows), _number(price, price.groups)
    return f"view.{price.view}: {rows} rows make {groups} groups: this view saves nothing, {way_out}"


def _section(title: str, entries: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {entry}" for entry in entries)] if entries else []


def _end(verdict: Verdict) -> str:
    if verdict.faults:
        return f"{_counted(len(verdict.faults), 'fault')}: nothing was made. Mend them and run frontview check again."
    if verdict.advice:
        return "PostgreSQL accepts it. Run the statements above, then frontview plan --write."
    return "PostgreSQL accepts it. Next: frontview plan --write."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _size(size: int) -> str:
    for unit, name in OF_SIZES:
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size:,} bytes"


def _price(verdict: Verdict, view: str) -> Price | None:
    return next((price for price in verdict.prices if price.view == view), None)
