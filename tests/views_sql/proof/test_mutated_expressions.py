"""Whatever an author writes, the verdict is a proven declaration or a sentence with its path, and nothing stays."""

import random

import pytest

from tests.views_sql.proof.conftest import Court, order_view
from views_sql.declaration.application import Measure
from views_sql.declaration.dashboards import Listing

SEEDS = (
    "status = 'PAID'",
    "coalesce(\"shipCountry\", '??') <> 'DE'",
    "(raw ->> 'amount')::numeric > 1",
    "case when priority > 1 then total / nullif(priority, 0) else 0 end > 2",
    "\"paidAt\" AT TIME ZONE 'Europe/Paris' > timestamp '2020-01-01'",
    "tags @> ARRAY['a', 'b'] AND id LIKE 'o%' ESCAPE '!'",
    "$x$a$x$ = id OR note IS DOCUMENT",
    "place <@ box '((0,0),(1,1))'",
)
PIECES = (
    *(
        "(",
        ")",
        "))",
        "((",
        "'",
        '"',
        ";",
        "--",
        "/*",
        "*/",
        "$",
        "$1",
        "$x$",
        "\\",
        "::",
        "%s",
        "%",
        "{",
        "}",
        "[",
        "]",
    ),
    *(",", ".", "*", "AS", "END", "CASE", "NULL", "FROM", "WHERE", "SELECT", "UNION", "OVER ()", "FILTER", "COLLATE"),
    *("now()", "ctid", "'today'", '"Order"', "U&'\\00e9'", "E'\\n'", "pg_sleep(60)", "ROW(1)", "ø", "\n", "1e400", "-"),
    *(
        "pg_catalog.",
        "xml",
        "int",
        "public.citext",
        "9" * 400,
        "(" * 300,
        "generate_series(1, 9)",
        "DEFAULT",
        "GROUPING(id)",
    ),
)


def mutated(text: str, dice: random.Random) -> str:
    for _ in range(dice.randint(1, 4)):
        at, end = sorted((dice.randint(0, len(text)), dice.randint(0, len(text))))
        match dice.randint(0, 3):
            case 0:
                text = text[:at] + f" {dice.choice(PIECES)} " + text[at:]
            case 1:
                text = text[:at] + text[min(end, at + 6) :]
            case 2:
                text = text[:at] + text[at:end] * 2 + text[end:]
            case 3:
                text = text[:at] + f" {dice.choice(PIECES)} " + text[min(end, at + 6) :]
    return text.strip()[:4000] or "TRUE"


def listing(where: str, one: str, two: str, dimension: str) -> Listing:
    columns = {"one": one, "two": two}
    return Listing(
        name="l", table="public.Order", where=where, columns=columns, dimensions={"d": dimension}, order="id"
    )


@pytest.mark.parametrize("count", [12, pytest.param(500, marks=pytest.mark.proof)])
def test_no_text_escapes_the_verdict(court: Court, count: int) -> None:
    dice = random.Random(count)
    accepted = 0
    for _ in range(count):
        texts = [mutated(dice.choice(SEEDS), dice) for _ in range(4)]
        measures = {"m": Measure(verb="max", argument=texts[1], where=texts[2])}
        view = order_view(where=texts[0], measures=measures, dimensions={"d": texts[3]})
        verdict = court.judge(view, lists=(listing(*texts),))
        assert all(fault.path.startswith(("view.v", "list.l")) and fault.sentence for fault in verdict.faults), texts
        assert (verdict.proven is None) == bool(verdict.faults)
        accepted += 4 - len({fault.path for fault in verdict.faults if fault.path.startswith("list.l")})
    assert accepted  # The dice leave some texts good.
