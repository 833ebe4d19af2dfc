"""Projects in temporary folders, and what is said about them."""

from pathlib import Path

from views_sql.declaration.application import Application
from views_sql.declaration.fault import DeclarationError
from views_sql.declaration.project import read_project

SHOP = Path(__file__).resolve().parents[3] / "examples" / "shop"
USER = '[user]\ntable = "public.Customer"\n'
LEAST = USER + '[view.orders]\ntable = "public.Order"\ntime = "createdAt"\nmeasures = { orders = "count" }\n'

# Of every kind of table one, over the views of the shop.
DASHBOARDS = """
[dimension.product]
label = ["public.Product.name", "public.Product.shipCountry"]
key = "id"
user = "sellerId"
all = true

[metric.conversion]
formula = "orders.orders / visits.visits"
unit = "percent"
decimals = 3

[list.latest]
table = "public.Order"
where = "status <> 'DRAFT'"
columns = { at = "createdAt", total = "total / 100", product = "product.name" }
order = "createdAt desc, id"
limit = 5
label = "Latest orders"

[list.plain]
table = "public.Visit"
columns = { day = "day" }
dimensions = {}
order = "day"

[dashboard.board]
region = "dashboard"
ttl = "5m"
filters = ["product"]
label = "Board"
[dashboard.board.panels]
account = { kind = "facts", of = "user" }
glance = { kind = "compare", measures = ["orders.orders", "conversion"], with = "previous_year", ignores = ["product"] }
sums = { kind = "periods", periods = ["today", "all_time"], measures = ["orders.revenue"], label = "Sums" }
daily = { kind = "series", measures = ["orders.orders", "visits.visits"], totals = true, ignores = ["product"] }
latest = { kind = "list", list = "latest" }
[dashboard.board.panels.best]
kind = "groups"
by = ["product"]
measures = ["orders.revenue"]
sparkline = "orders.orders"
order = "-revenue"
limit = 7
"""
WHOLE = (SHOP / "frontview.toml").read_text().replace(
    "\n[view.orders]\n", 'facts = { name = "displayName" }\n\n[view.orders]\n', 1
) + DASHBOARDS


def project(folder: Path, text: str | bytes, **others: str) -> Path:
    """Return a folder with a ``frontview.toml`` of this text and further files ``views/<name>.toml``."""
    (folder / "views").mkdir(exist_ok=True)
    (folder / "frontview.toml").unlink(missing_ok=True)  # To truncate a file costs some file systems milliseconds.
    (folder / "frontview.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    for name, other in others.items():
        (folder / "views" / f"{name}.toml").write_text(other)
    return folder


def read(folder: Path, text: str | bytes, **others: str) -> Application:
    return read_project(project(folder, text, **others))


def faults(folder: Path, text: str | bytes, **others: str) -> list[str]:
    """Return the faults of a declaration as they are printed; none if it can be used."""
    try:
        read(folder, text, **others)
    except DeclarationError as error:
        return [str(fault) for fault in error.faults]
    return []
