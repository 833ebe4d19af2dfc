"""A random declaration over the host's tables: views, a label, facts, metrics, lists and dashboards, as plain values.

Invariant: nothing here comes from the product; what an answer calls a thing is derived here again.
"""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.exactness.dashboards.host import Host, HostTable, make_host
from tests.exactness.description import Expression, Measure, random_condition, random_dimension, random_measure
from tests.exactness.pools import SUMMED, TEXT, ZONES

VERBS = ("count", "sum", "avg", "min", "max", "distinct", "percentile")
LABEL_NAMES = {"name": "name", "active": "active", "listPrice": "list_price"}
FACTS = {"plan": "plan", "cents": "cents", "ratio": "ratio", "seen": "seenAt", "rich": "cents > 0"}
PERIODS = (
    *("today", "yesterday", "last_7_days", "last_30_days", "last_90_days", "last_365_days"),
    *("this_week", "this_month", "this_year", "all_time"),
)


@dataclass(frozen=True)
class View:
    """A view; without days if its table has no time."""

    name: str
    table: HostTable
    where: Expression | None
    dimensions: dict[str, Expression]
    measures: dict[str, Measure]

    @property
    def daily(self) -> bool:
        return self.table.time is not None


Tree = tuple[str, Any, Any] | tuple[str, str] | str
"""A formula: an operator with two sides, a view's measure, or a number."""


@dataclass(frozen=True)
class Metric:
    name: str
    tree: Tree
    decimals: int

    @property
    def text(self) -> str:
        return spelled(self.tree)


@dataclass(frozen=True)
class Figure:
    """What a panel shows: a measure of a view, or a metric; ``name`` is the answer's."""

    name: str
    spelled: str
    of: tuple[str, str] | Metric


@dataclass(frozen=True)
class Listing:
    """A list; ``columns`` are expressions, or the name of a column of the label."""

    name: str
    table: HostTable
    where: Expression | None
    columns: dict[str, Expression | str]
    dimensions: dict[str, Expression]
    order: tuple[tuple[str, bool], ...]
    limit: int


@dataclass(frozen=True)
class Panel:
    name: str
    kind: str
    figures: tuple[Figure, ...] = ()
    heeded: tuple[str, ...] = ()
    of: str | None = None
    compared_with: str | None = None
    periods: tuple[str, ...] = ()
    totals: bool = False
    by: tuple[str, ...] = ()
    sparkline: Figure | None = None
    order: str | None = None
    limit: int | None = None

    @property
    def shown(self) -> tuple[Figure, ...]:
        return (*self.figures, *((self.sparkline,) if self.sparkline else ()))


@dataclass(frozen=True)
class Dashboard:
    name: str
    filters: tuple[str, ...]
    panels: tuple[Panel, ...]

    def some(self, *kinds: str) -> bool:
        return any(it.kind in kinds for it in self.panels)


@dataclass
class Declared:
    """An application.

    :param zone: whose days are counted, or of users who have none: ``own_zones``.
    :param shared: whether every user sees every product.
    """

    seed: int
    host: Host
    zone: str
    own_zones: bool
    users: bool
    shared: bool
    label: tuple[str, ...]
    every_label: bool
    facts: tuple[str, ...]
    views: dict[str, View] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    lists: dict[str, Listing] = field(default_factory=dict)
    dashboards: dict[str, Dashboard] = field(default_factory=dict)

    @property
    def key_type(self) -> str:
        return self.host.key_type

    @property
    def instants(self) -> tuple[str, ...]:
        return self.host.instants()

    def tables(self) -> str:
        return self.host.ddl()

    def views_of(self, figure: Figure) -> set[str]:
        return {figure.of[0]} if isinstance(figure.of, tuple) else set(views_in(figure.of.tree))

    def is_number(self, figure: Figure) -> bool:
        if isinstance(figure.of, Metric):
            return True
        return self.views[figure.of[0]].measures[figure.of[1]].is_number

    def may_be_null(self, asked: "Dashboard | Listing", name: str) -> bool:
        """Return whether some row has no value of a dimension by which a dashboard or a list is filtered."""
        if isinstance(asked, Listing):
            return nullable(asked.dimensions[name])
        heeding = [it for it in asked.panels if name in it.heeded]
        lists = [self.lists[it.of or ""].dimensions[name] for it in heeding if it.kind == "list"]
        views = {view for it in heeding for figure in it.shown for view in self.views_of(figure)}
        return any(map(nullable, [*lists, *(self.views[view].dimensions[name] for view in views)]))

    def ranks(self, figure: Figure) -> bool:
        """Return whether groups are ordered by it: numbers and dates do."""
        if self.is_number(figure) or isinstance(figure.of, Metric):
            return True
        argument = self.views[figure.of[0]].measures[figure.of[1]].argument
        return argument is not None and argument.type == "date"

    def toml(self) -> str:
        lines = ["[user]"]
        if self.users:
            lines += ['table = "Host 1.User"', 'name = "name"']
        own = f'{{ column = "Time zone", default = "{self.zone}", unknown = "default" }}'
        lines.append(f"zone = {own if self.own_zones else json.dumps(self.zone)}")
        if self.facts:
            lines.append(f"facts = {{ {', '.join(f'{it} = {json.dumps(FACTS[it])}' for it in self.facts)} }}")
        if self.label:
            lines += ["[dimension.product]", f"label = {json.dumps([f'Host 1.Product.{it}' for it in self.label])}"]
            lines.append("shared = true" if self.shared else 'user = "ownerId"')
            lines += ["all = true"] if self.every_label else []
        for of in (self._of_view(it) for it in self.views.values()):
            lines += of
        lines += ["[metric]"] if self.metrics else []
        lines += [
            f"{it.name} = {{ formula = {json.dumps(it.text)}, decimals = {it.decimals} }}"
            for it in self.metrics.values()
        ]
        for of in (*map(_of_list, self.lists.values()), *map(_of_dashboard, self.dashboards.values())):
            lines += of
        return "\n".join(lines) + "\n"

    def _of_view(self, view: View) -> list[str]:
        lines = [f"[view.{view.name}]", f"table = {json.dumps(view.table.declared)}", 'user = "customerId"']
        lines += [f"time = {json.dumps(view.table.time.name)}"] if view.table.time else []
        lines += [f"where = {json.dumps(view.where.text)}"] if view.where else []
        lines += [f"[view.{view.name}.dimensions]", *_named(view.dimensions)]
        return [*lines, f"[view.{view.name}.measures]", *(it.toml() for it in view.measures.values())]


def nullable(of: Expression) -> bool:
    return of.declared == "$c" and None in of.column.pool


def spelled(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    if len(tree) == 2:
        return ".".join(tree)
    return f"({spelled(tree[1])} {tree[0]} {spelled(tree[2])})"


def views_in(tree: Tree) -> list[str]:
    if isinstance(tree, str):
        return []
    return [tree[0]] if len(tree) == 2 else [*views_in(tree[1]), *views_in(tree[2])]


def _named(expressions: dict[str, Expression]) -> list[str]:
    return [f"{name} = {json.dumps(it.text)}" for name, it in expressions.items()]


def _of_list(it: Listing) -> list[str]:
    lines = [f"[list.{it.name}]", f"table = {json.dumps(it.table.declared)}", 'user = "customerId"']
    lines += [f"where = {json.dumps(it.where.text)}"] if it.where else []
    lines.append(f"order = {json.dumps(', '.join(name + (' desc' if down else ' asc') for name, down in it.order))}")
    lines += [f"limit = {it.limit}", f"[list.{it.name}.columns]"]
    lines += [
        f"{name} = {json.dumps(of if isinstance(of, str) else of.text)}" for name, of in it.columns.items()
    ]  # fmt: skip
    return [*lines, f"[list.{it.name}.dimensions]", *_named(it.dimensions)]


def _of_dashboard(it: Dashboard) -> list[str]:
    lines = [f"[dashboard.{it.name}]", f"filters = {json.dumps(it.filters)}"]
    for panel in it.panels:
        lines += [f"[dashboard.{it.name}.panels.{panel.name}]", f'kind = "{panel.kind}"']
        lines += _of_panel(panel)
        ignored = [name for name in it.filters if name not in panel.heeded]
        lines += [f"ignores = {json.dumps(ignored)}"] if ignored and panel.kind != "facts" else []
    return lines


def _of_panel(panel: Panel) -> list[str]:
    given: dict[str, Any] = {
        "measures": [it.spelled for it in panel.figures] if panel.kind != "facts" else None,
        "of": panel.of if panel.kind == "facts" else None,
        "list": panel.of if panel.kind == "list" else None,
        "with": panel.compared_with,
        "periods": panel.periods,
        "by": panel.by,
        "sparkline": panel.sparkline and panel.sparkline.spelled,
        "order": panel.order,
        "limit": panel.limit,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items() if value]
    return [*lines, "totals = true"] if panel.totals else lines


class Maker:
    """Makes the declaration of a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = Random(f"dashboards {seed}")
        users, label = chance.random() < 0.85, chance.random() < 0.85
        shared = label and chance.random() < 0.35
        self.made = Declared(
            seed=seed,
            host=make_host(seed, chance),
            zone=chance.choice((*ZONES, "Africa/Cairo", "Asia/Kolkata")),
            own_zones=users and chance.random() < 0.7,
            users=users,
            shared=shared,
            label=tuple(chance.sample(tuple(LABEL_NAMES), chance.randint(1, 3))) if label else (),
            every_label=label and not shared and chance.random() < 0.6,
            facts=tuple(chance.sample(tuple(FACTS), chance.randint(1, 5))) if users else (),
        )

    def make(self) -> Declared:
        made, chance = self.made, self.chance
        for name, table in (("orders", "Order"), ("visits", "Visit"), ("balance", "Balance")):
            made.views[name] = self._view(name, made.host.counted[table])
        for number in range(chance.randint(1, 3)):
            tree = next(it for it in iter(lambda: self._tree(2), "") if views_in(it))
            metric = Metric(f"metric{number}", tree, chance.choice((0, 2, 4, 12)))
            made.metrics[metric.name] = metric
        for name, table in (("latest", "Order"), ("rows_of", "Visit"), ("booked", "Balance")):
            made.lists[name] = self._list(name, made.host.counted[table])
        for name in ("home", "second"):
            made.dashboards[name] = self._dashboard(name)
        return made

    def _view(self, name: str, table: HostTable) -> View:
        chance = self.chance
        dimensions = self._common(table)
        if dimensions and chance.random() < 0.4:
            dimensions["extra"] = random_dimension(table, chance)
        verbs = [it for it in VERBS if table.time or it != "percentile"]
        measures = {}
        for number, verb in enumerate(("count", *chance.choices(verbs, k=chance.randint(2, 5)))):
            measures[f"{verb}{number}"] = random_measure(table, f"{verb}{number}", verb, chance)
        where = random_condition(table, chance) if chance.random() < 0.4 else None
        return View(name, table, where, dimensions, measures)

    def _common(self, table: HostTable) -> dict[str, Expression]:
        found = {}
        if (of := table.product) is not None:
            found["product"] = Expression(of, of.type, "$c", "$c", of.pool)
        if (of := table.country) is not None:
            found["country"] = Expression(of, TEXT, "$c", "$c", of.pool)
            if self.chance.random() < 0.3:
                pool = tuple(it for it in of.pool if it)
                found["country"] = Expression(
                    of, TEXT, "coalesce($c, '??')", "CASE WHEN $c IS NULL THEN '??' ELSE $c END", pool
                )
        return found

    def _tree(self, depth: int) -> Tree:
        chance, made = self.chance, self.made
        if depth == 0 or chance.random() < 0.25:
            if depth < 2 and chance.random() < 0.25:
                return chance.choice(("2", "0", "1.5", "100"))
            name = chance.choice(tuple(made.views))
            return name, chance.choice([it for it in made.views[name].measures if self._counts(name, it)])
        return chance.choice("+-*/"), self._tree(depth - 1), self._tree(depth - 1)

    def _counts(self, view: str, measure: str) -> bool:
        it = self.made.views[view].measures[measure]
        return it.verb not in ("min", "max", "percentile") or it.argument is None or it.argument.type in SUMMED

    def _list(self, name: str, table: HostTable) -> Listing:
        chance = self.chance
        dimensions = self._common(table)
        columns: dict[str, Expression | str] = {}
        for number, column in enumerate(chance.sample(table.written, chance.randint(1, 5))):
            columns[f"c{number}"] = Expression(column, column.type, "$c", "$c", ())
        if chance.random() < 0.5:
            condition = random_condition(table, chance)
            columns["is_so"] = replace(condition, own=condition.declared)
        if self.made.label and "product" in dimensions:
            for label in chance.sample(self.made.label, chance.randint(0, len(self.made.label))):
                columns[f"of_{LABEL_NAMES[label]}"] = f"product.{label}"
        able = [it for it in table.written if it.type != "jsonb"]
        order = tuple((it.name, chance.random() < 0.5) for it in chance.sample(able, chance.randint(1, 2)))
        where = random_condition(table, chance) if chance.random() < 0.4 else None
        return Listing(name, table, where, columns, dimensions, order, chance.choice((1, 3, 10)))

    def _dashboard(self, name: str) -> Dashboard:
        chance = self.chance
        filters = tuple(chance.sample(("product", "country"), chance.randint(0, 2)))
        kinds = ["series", "groups", *chance.choices(("compare", "periods", "series", "groups", "list", "facts"), k=3)]
        panels = tuple(
            self._panel(f"panel{number}_{kind}", kind, filters)
            for number, kind in enumerate(chance.sample(kinds, chance.randint(2, len(kinds))))
        )
        heeded = {name for panel in panels for name in panel.heeded}
        return Dashboard(name, tuple(it for it in filters if it in heeded), panels)

    def _panel(self, name: str, kind: str, filters: tuple[str, ...]) -> Panel:
        chance, made = self.chance, self.made
        heeded = tuple(it for it in filters if chance.random() < 0.7)
        if kind == "facts":
            return self._facts(name)
        if kind == "list":
            of = chance.choice(list(made.lists.values()))
            return Panel(name, kind, of=of.name, heeded=tuple(it for it in heeded if it in of.dimensions))
        by: tuple[str, ...] = ()
        if kind == "groups":
            by = tuple(chance.sample(("product", "country"), chance.randint(1, 2)))
            if made.every_label and chance.random() < 0.5:
                by = ("product",)
            if "extra" in made.views["orders"].dimensions and chance.random() < 0.2:
                by = (*by, "extra") if chance.random() < 0.5 else ("extra",)
        usable = self._usable({*by, *heeded}, daily=kind != "groups")
        if "extra" in by:
            usable &= {"orders"}
        figures = self._figures(usable)
        panel = Panel(name, kind, figures, heeded, by=by)
        return self._with_options(panel, usable)

    def _facts(self, name: str) -> Panel:
        if not self.made.views["balance"].dimensions and (not self.made.facts or self.chance.random() < 0.5):
            of = self.made.views["balance"]
            return Panel(
                name, "facts", tuple(Figure(it, f"balance.{it}", ("balance", it)) for it in of.measures), of="balance"
            )
        if self.made.facts:
            return Panel(name, "facts", of="user")
        return Panel(name, "list", of="latest")

    def _usable(self, dimensions: set[str], *, daily: bool) -> set[str]:
        views = self.made.views.values()
        return {it.name for it in views if dimensions <= set(it.dimensions) and (it.daily or not daily)}

    def _figures(self, usable: set[str]) -> tuple[Figure, ...]:
        made = self.made
        able: list[tuple[str, tuple[str, str] | Metric]] = [
            (f"{view}.{name}", (view, name)) for view in sorted(usable) for name in made.views[view].measures
        ]
        able += [(it.name, it) for it in made.metrics.values() if set(views_in(it.tree)) <= usable]
        chosen = self.chance.sample(able, min(len(able), self.chance.randint(1, 5)))
        often = Counter(text.split(".")[-1] for text, _ in chosen)
        names = [
            text.replace(".", "_") if often[text.split(".")[-1]] > 1 else text.split(".")[-1] for text, _ in chosen
        ]
        return tuple(Figure(name, text, of) for name, (text, of) in zip(names, chosen, strict=True))

    def _with_options(self, panel: Panel, usable: set[str]) -> Panel:
        chance, more = self.chance, dict[str, Any]()
        if panel.kind == "compare":
            more["compared_with"] = chance.choice(("previous_period", "previous_year"))
        elif panel.kind == "periods":
            more["periods"] = tuple(chance.sample(PERIODS, chance.randint(1, 6)))
        elif panel.kind == "series":
            more["totals"] = chance.random() < 0.5
        else:
            more["limit"] = chance.choice((None, 1, 2, 3, 7))
            orders = [*panel.by, *(it.name for it in panel.figures if self.made.ranks(it))]
            more["order"] = chance.choice(("", "-")) + chance.choice(orders) if chance.random() < 0.5 else None
            daily = {it for it in usable if self.made.views[it].daily}
            sparks = [it for it in self._figures(daily) if self.made.is_number(it)] if daily else []
            if sparks and chance.random() < 0.5:
                more["sparkline"] = Figure(sparks[0].spelled.split(".")[-1], sparks[0].spelled, sparks[0].of)
        return Panel(**vars(panel) | more)


def declare(seed: int) -> Declared:
    """Return the application of a seed."""
    return Maker(seed).make()


def redeclare(of: Declared, seed: int) -> Declared:
    """Return another application over the same host, with the same users and zones."""
    maker = Maker(seed)
    maker.made = replace(
        maker.made, host=of.host, zone=of.zone, own_zones=of.own_zones, users=of.users,
        facts=maker.made.facts if of.users else (), views={}, metrics={}, lists={}, dashboards={},
    )  # fmt: skip
    return maker.make()
