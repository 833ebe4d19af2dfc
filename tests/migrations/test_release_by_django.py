"""A migration of a host that is made with Django changes a declared table: it releases the views, and restores them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_postgres import Server
from tests.migrations.project_stage import Project, project
from tests.migrations.test_release import is_exact
from tests.migrations.test_versions import ORDER

SETTINGS = """
import os
from urllib.parse import parse_qs, urlsplit

at = urlsplit(os.environ["HOST_URL"])
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": at.path[1:], "USER": at.username,
    "HOST": parse_qs(at.query).get("host", [at.hostname])[0], "PORT": at.port or "",
}}
INSTALLED_APPS = ["orders"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
# Django knows no schemas: quotes in the middle of a table's name are the usual way out.
FIRST = """
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Order",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("total", models.DecimalField(max_digits=12, decimal_places=2, null=True)),
                ("email", models.TextField(null=True)),
            ],
            options={"db_table": '"Shop"."Order"'},
        )
    ]
"""
SECOND = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_first")]
    operations = [
        migrations.AddField("Order", "note", models.TextField(null=True)),
        migrations.RunSQL("SELECT frontview.release('\\"Shop\\".\\"Order\\"')"),
        migrations.AlterField("Order", "total", models.DecimalField(max_digits=14, decimal_places=3, null=True)),
        migrations.AlterField("Order", "email", models.CharField(max_length=200, null=True)),
        migrations.RunSQL("SELECT frontview.restore('\\"Shop\\".\\"Order\\"')"),
    ]
"""
TYPES = """
SELECT array_agg(format_type(atttypid, atttypmod) ORDER BY attname) FROM pg_attribute
WHERE attrelid = '"Shop"."Order"'::regclass AND attname IN ('email', 'note', 'total')
"""


@pytest.fixture
def shop(any_server: Server, tmp_path: Path) -> Iterator[Project]:
    with project(any_server, tmp_path) as made:
        made.run("plan", "--write")
        made.run("migrate")
        made.c.execute('INSERT INTO "Shop"."User" (id) VALUES (1)')
        made.c.execute(ORDER.encode())
        made.populate()
        yield made


def test_a_migration_of_django_changes_types_between_release_and_restore(shop: Project, tmp_path: Path) -> None:
    migrations = tmp_path / "host" / "orders" / "migrations"
    migrations.mkdir(parents=True)
    (tmp_path / "host" / "settings.py").write_text(SETTINGS)
    for name, text in (("__init__", ""), ("0001_first", FIRST), ("0002_types", SECOND)):
        (migrations / f"{name}.py").write_text(text)
    (migrations.parent / "__init__.py").write_text("")

    def migrate(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "django", "migrate", "orders", *arguments, "--settings", "settings"],
            cwd=tmp_path / "host",
            env=os.environ | {"HOST_URL": shop.url, "PYTHONPATH": "."},
            check=True,
        )

    migrate("0001", "--fake")
    migrate()

    assert shop.rows(TYPES) == [(["character varying(200)", "text", "numeric(14,3)"],)]
    is_exact(shop)
