"""The DDL of the function that answers questions about a declared view, from its template.

Invariant: the function's text is static; what a request says reaches it as values of parameters and nowhere else.
"""

from views_sql.declaration.proven import ProvenApplication, ProvenView
from views_sql.generation.names import identifier
from views_sql.generation.read_groups import LIMIT_CHECK, filter_checks, filter_parameters
from views_sql.generation.read_measures import sort_value
from views_sql.generation.read_range import has_own_zone, no_user, read_range
from views_sql.generation.read_statements import statements
from views_sql.generation.rights import function_of_web
from views_sql.generation.short_text import shortened_filters
from views_sql.generation.stored_columns import TEMPLATE_VERSION, distinct_measures, values_name, view_name
from views_sql.loader import fill_in, read_sql


def create_grouped_read(application: ProvenApplication, view: ProvenView, number: int) -> list[str]:
    """Return the DDL of the function that answers questions about a view; web workers may call it."""
    name = f"{view_name(view, number)}_read"
    text = fill_in(read_sql("grouped_read", TEMPLATE_VERSION), _names(application, view, number))
    return function_of_web(name, text)


def _names(application: ProvenApplication, view: ProvenView, number: int) -> dict[str, str]:
    """Return what the template leaves open."""
    days = read_range(application, view, number)
    own_zone = view.source.time_kind is not None and has_own_zone(application, view)
    return {
        "name": view_name(view, number),
        "dimensions": ",".join(map(identifier, view.dimensions)),
        "measures": ",".join(identifier(measure.name) for measure in view.measures),
        "filter_parameters": filter_parameters(view.dimensions),
        "limit_check": LIMIT_CHECK,
        "filter_checks": filter_checks(view.dimensions) + shortened_filters(dict.fromkeys(view.dimensions, (view,))),
        "flags": _flags(view),
        "hidden_views": _hidden_views(view, number),
        "no_user": no_user(application, number, days.names["no_answer"], own_zone=own_zone),
        "can_be_ordered_by": _can_be_ordered_by(view),
        "statements": statements(view, number, days),
    } | days.names


def _flags(view: ProvenView) -> str:
    """Return the variables that say what was asked for, and where a hidden view stands among the views read."""
    lines = [f"by_{name} boolean := COALESCE('{name}' = ANY (p_group_by), FALSE);" for name in view.dimensions]
    lines += [f"want_{it.name} boolean := COALESCE('{it.name}' = ANY (p_measures), TRUE);" for it in view.measures]
    lines += [f"place_{place} integer;" for place, _ in enumerate(distinct_measures(view), 1)]
    return "\n    ".join(lines)


def _hidden_views(view: ProvenView, number: int) -> str:
    return "\n    ".join(
        f"IF want_{measure.name} THEN\n        views := views || '{values_name(view, measure, number)}'::text;\n"
        f"        place_{place} := cardinality(views);\n    END IF;"
        for place, measure in enumerate(distinct_measures(view), 1)
    )


def _can_be_ordered_by(view: ProvenView) -> str:
    able = [f"(sort_by = '{name}' AND by_{name})" for name in view.dimensions]
    able += [
        f"(sort_by = '{measure.name}' AND want_{measure.name})"
        for measure in view.measures
        if sort_value(view, measure, "x")
    ]
    return " OR ".join(["sort_by = 'period'", *able])
