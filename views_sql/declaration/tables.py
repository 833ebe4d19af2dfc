"""From the tables of a file to declared values: unknown fields, later ones, and every field that cannot be used.

Invariant: a table gives its value, or at least one fault; it may give both a value and faults of its measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from views_sql.declaration.application import VERBS, Measure, Region, UserTable, UserZone, View
from views_sql.declaration.dashboards import Dashboard, LabelledDimension, Listing, Metric, Panel
from views_sql.declaration.declared import Declared
from views_sql.declaration.fault import Fault
from views_sql.declaration.sentences import Path, dotted, expected, faults_of, quoted
from views_sql.declaration.words import nearest

Model = TypeVar("Model", bound=Declared)
LATER = {
    "view": {"via": "a user and time one table away come"},
    "measure": {"function": "a function comes"},
}
UNKNOWN_SHOWN = 20  # Unknown fields of a table beyond this number are only counted.
AVERAGE_DECIMALS = 2


@dataclass
class Reader:
    """Reads tables of one file and gathers the faults of all of them."""

    file: str
    faults: list[Fault] = field(default_factory=list)

    def user(self, table: Any) -> UserTable | None:
        """Return what ``[user]`` says, or None."""
        if isinstance(table, dict) and isinstance(table.get("zone"), dict):
            zone = self._value(UserZone, ("user", "zone"), table["zone"], {})
            table = {key: value for key, value in table.items() if key != "zone"} | ({"zone": zone} if zone else {})
        return self._value(UserTable, ("user",), table, {"file": self.file})

    def region(self, name: str, table: Any) -> Region | None:
        """Return what ``[region.NAME]`` says, or None."""
        return self._value(Region, ("region", name), table, {"name": name, "file": self.file})

    def dimension(self, name: str, table: Any) -> LabelledDimension | None:
        """Return what ``[dimension.NAME]`` says, or None."""
        return self._value(LabelledDimension, ("dimension", name), table, {"name": name, "file": self.file})

    def metric(self, name: str, table: Any) -> Metric | None:
        """Return what ``[metric.NAME]`` says, or None."""
        return self._value(Metric, ("metric", name), table, {"name": name, "file": self.file})

    def listing(self, name: str, table: Any) -> Listing | None:
        """Return what ``[list.NAME]`` says, or None."""
        return self._value(Listing, ("list", name), table, {"name": name, "file": self.file})

    def dashboard(self, name: str, table: Any) -> Dashboard | None:
        """Return what ``[dashboard.NAME]`` says, or None; panels that cannot be used are not in it."""
        path: Path = ("dashboard", name)
        if isinstance(table, dict) and isinstance(panels := table.get("panels"), dict):
            read = {key: self._value(Panel, (*path, "panels", key), it, {}) for key, it in panels.items()}
            table = table | {"panels": {key: panel for key, panel in read.items() if panel is not None}}
            if not panels:
                self.fault((*path, "panels"), "a dashboard has at least one panel")
        return self._value(Dashboard, path, table, {"name": name, "file": self.file})

    def view(self, name: str, table: Any) -> View | None:
        """Return what ``[view.NAME]`` says, or None; measures that cannot be used are not in it."""
        path: Path = ("view", name)
        if isinstance(table, dict) and isinstance(measures := table.get("measures"), dict):
            read = {key: self._measure((*path, "measures", key), it) for key, it in measures.items()}
            table = table | {"measures": {key: measure for key, measure in read.items() if measure is not None}}
            if not measures:
                self.fault((*path, "measures"), 'a view has at least one measure, for example rows_seen = "count"')
        return self._value(View, path, self._with_one_zone(path, table), {"name": name, "file": self.file})

    def fault(self, path: Path, sentence: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(self.file, dotted(path), sentence))

    def _with_one_zone(self, path: Path, table: Any) -> Any:
        """Return a table without its ``zone``, if that is one for each user."""
        if not isinstance(table, dict) or not isinstance(table.get("zone"), dict):
            return table
        self.fault((*path, "zone"), "a view has the days of one zone; a zone for each user stands in [user]")
        return {key: value for key, value in table.items() if key != "zone"}

    def _measure(self, path: Path, given: Any) -> Measure | None:
        if given == "count":
            return Measure(verb="count")
        if not isinstance(given, dict):
            self.fault(path, expected('"count", or a table with one verb such as { sum = "total" }', given))
            return None
        verbs = [key for key in given if key in VERBS]
        fields = {key: value for key, value in given.items() if key not in VERBS}
        if len(verbs) == 1:
            return self._of_verb(path, verbs[0], given[verbs[0]], fields)
        if verbs:
            self.fault(path, f"a measure has one verb, and this one has {' and '.join(verbs)}")
        elif not fields.keys() & LATER["measure"].keys():
            self.fault(path, f"the measure has no verb; the verbs are {', '.join(VERBS)}")
        self._value(Measure, path, fields, {"verb": "count"})
        return None

    def _of_verb(self, path: Path, verb: str, argument: Any, fields: dict[str, Any]) -> Measure | None:
        """Return the measure; ``count`` has ``true`` in the place of an argument."""
        if verb == "avg":
            fields = {"decimals": AVERAGE_DECIMALS} | fields
        if verb != "count":
            return self._value(Measure, path, fields, {"verb": verb, "argument": argument}, {"argument": verb})
        if argument is not True:
            self.fault((*path, verb), 'rows are counted: write count = true, with where = "… IS NOT NULL" for values')
        return self._value(Measure, path, fields, {"verb": verb})

    def _value(
        self,
        model: type[Model],
        path: Path,
        table: Any,
        given: Mapping[str, Any],
        spelled: Mapping[str, str] | None = None,
    ) -> Model | None:
        """Return the value of a table; what is wrong with it becomes faults.

        :param given: fields that stand nowhere in the table.
        :param spelled: how the file spells fields that have another name there.
        """
        if not isinstance(table, dict):
            self.fault(path, expected(f"a table [{dotted(path)}]", table))
            return None
        known = model.fields_in_file()
        self._unknown(model, path, [key for key in table if key not in known])
        fields = {key: value for key, value in table.items() if key in known} | dict(given)
        try:
            return model.model_validate(fields, by_alias=True, by_name=False, context={"file": self.file})
        except ValidationError as error:
            self.faults += faults_of(error, model, self.file, path, spelled or {})
            return None

    def _unknown(self, model: type[Declared], path: Path, keys: list[str]) -> None:
        kind = "measure" if model is Measure else str(path[0])
        names = [*model.fields_in_file(), *(VERBS if model is Measure else ())]
        for key in keys[:UNKNOWN_SHOWN]:
            if later := LATER.get(kind, {}).get(key):
                self.fault((*path, key), f"{later} with a later version")
            else:
                called = key if key.isidentifier() and len(key) <= 40 else quoted(key)
                self.fault((*path, key), f"there is no field {called}; {nearest(key, names)}")
        if len(keys) > UNKNOWN_SHOWN:
            self.fault(path, f"there are {len(keys) - UNKNOWN_SHOWN:,} more unknown fields")
