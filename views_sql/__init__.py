"""Every SQL object that is not a table: what is declared, where its text stands, how migrations install it."""

from views_sql.maintained_view import Catalog, Dashboard, MaintainedView, Region, Source

__all__ = ["Catalog", "Dashboard", "MaintainedView", "Region", "Source"]
