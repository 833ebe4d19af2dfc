"""What a project's files say is what the values hold, in one canonical spelling."""

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.views_sql.declaration.declaring import LEAST, SHOP, USER, WHOLE, read
from views_sql.declaration.application import Application, Measure, UserTable, View
from views_sql.declaration.files import find_project
from views_sql.declaration.frozen_mapping import FrozenMapping
from views_sql.declaration.project import read_project
from views_sql.declaration.resolved import fingerprint, resolved, restored


@pytest.fixture(scope="module")
def shop() -> Application:
    return read_project(SHOP)


def test_each_spelling_of_a_measure_is_its_verb_with_its_argument(shop: Application) -> None:
    measures = shop.views[0].measures
    assert measures["orders"] == Measure(verb="count")
    assert measures["revenue"] == Measure(
        verb="sum", argument="total", unit="currency:EUR", label="Revenue", better="more"
    )
    assert measures["refunds"] == Measure(verb="count", where="status = 'REFUNDED'", better="less")
    assert measures["basket"] == Measure(verb="avg", argument="total", decimals=2, unit="currency:EUR")
    assert measures["buyers"] == Measure(verb="distinct", argument="email")
    assert measures["p95"] == Measure(verb="percentile", argument="total", at=0.95, live=True)


def test_durations_and_sizes_become_seconds_and_bytes(shop: Application) -> None:
    assert shop.views[0].ttl_seconds == 600
    assert {region.name: region.max_bytes for region in shop.regions} == {
        "dashboard": 50 * 10**6,
        "default": 50 * 10**6,
    }


def test_what_is_left_out_has_the_documented_defaults(tmp_path: Path) -> None:
    application = read(tmp_path, LEAST + '[view.days]\ntable = "t"\nmeasures = { mean = { avg = "x" } }\n')
    assert application.user == UserTable(table="public.Customer", zone="UTC", claim="sub")
    orders = View(name="orders", table="public.Order", time="createdAt", measures={"orders": Measure(verb="count")})
    assert application.views[0] == orders
    assert application.views[1].measures["mean"].decimals == 2


def test_further_files_declare_like_the_first_one(tmp_path: Path) -> None:
    more = '[view.visits]\ntable = "public.Visit"\nmeasures = { visits = "count" }\nregion = "far"\n'
    application = read(tmp_path, LEAST, visits=more, regions="[region.far]\nmax_entries = 7\n")
    assert [(view.name, view.file) for view in application.views] == [
        ("orders", "frontview.toml"),
        ("visits", "views/visits.toml"),
    ]
    assert [(region.name, region.max_entries) for region in application.regions] == [("far", 7), ("default", 500)]


def test_the_select_of_a_view_is_part_of_its_declaration(tmp_path: Path) -> None:
    text = (
        LEAST + '[view.x]\ntable = "t"\nselect = "sql/x_v01.sql"\nlocality = "asserted"\nmeasures = { n = "count" }\n'
    )
    (tmp_path / "sql").mkdir()
    written = []
    for select in ("SELECT 1", "SELECT 2"):
        (tmp_path / "sql" / "x_v01.sql").write_text(select)
        written.append(read(tmp_path, text))
    assert [application.views[1].select_text for application in written] == ["SELECT 1", "SELECT 2"]
    assert fingerprint(written[0]) != fingerprint(written[1])


class TestTheProject:
    def test_is_the_folder_that_is_named(self, tmp_path: Path) -> None:
        assert find_project(SHOP, tmp_path) == SHOP
        assert find_project(Path("below"), tmp_path) == tmp_path / "below"

    def test_is_else_the_current_directory_if_it_holds_a_declaration(self) -> None:
        assert find_project(None, SHOP) == SHOP

    def test_is_else_none(self, tmp_path: Path) -> None:
        assert find_project(None, tmp_path) is None


class TestValues:
    def test_are_equal_and_hash_alike_when_they_say_the_same(self, shop: Application) -> None:
        assert shop == read_project(SHOP)
        assert hash(shop) == hash(read_project(SHOP))
        assert len({shop, read_project(SHOP)}) == 1

    def test_never_change(self, shop: Application) -> None:
        view = shop.views[0]
        with pytest.raises(ValidationError):
            view.table = "other"
        for mapping in (view.dimensions, view.measures):
            with pytest.raises(TypeError):
                mapping["other"] = "x"  # type: ignore[index]

    def test_keep_the_order_of_dimensions_and_measures(self, shop: Application) -> None:
        view = shop.views[0]
        turned = view.model_copy(
            update={"dimensions": type(view.dimensions)(dict(reversed([*view.dimensions.items()])))}
        )
        assert [*view.dimensions] == ["product", "country"]
        assert turned != view


class TestTheResolvedDeclaration:
    def test_says_everything_that_was_declared(self, shop: Application) -> None:
        assert restored(resolved(shop)) == shop
        assert json.loads(resolved(shop))["views"][0]["measures"][3]["decimals"] == 2

    def test_survives_a_store_that_reorders_the_keys_of_objects(self, shop: Application) -> None:
        assert restored(json.dumps(json.loads(resolved(shop)), sort_keys=True)) == shop

    def test_has_its_keys_in_one_order_whatever_the_order_of_fields_in_the_code(self, shop: Application) -> None:
        content = json.loads(resolved(shop))
        assert json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")) == resolved(shop)

    def test_is_the_same_in_whatever_order_and_files_its_views_stand(self, tmp_path: Path, shop: Application) -> None:
        shutil.copy(SHOP / "frontview.toml", tmp_path)
        text = (SHOP / "frontview.toml").read_text()
        user, rest = text[: text.index("[view.orders]")], text[text.index("[view.orders]") :]
        orders, visits = rest[: rest.index("[view.visits]")], rest[rest.index("[view.visits]") :]
        assert resolved(read(tmp_path, visits + user, orders=orders)) == resolved(shop)

    def test_has_a_hash_that_differs_with_anything_that_is_declared(self, tmp_path: Path) -> None:
        changes = (
            LEAST,
            LEAST.replace("Customer", "Client"),
            LEAST.replace("createdAt", "updatedAt"),
            LEAST + 'ttl = "11m"\n',
            LEAST + 'dimensions = { a = "x", b = "y" }\n',
            LEAST + 'dimensions = { b = "y", a = "x" }\n',
            LEAST + "[region.default]\nmax_entries = 501\n",
        )
        assert len({fingerprint(read(tmp_path, text)) for text in changes}) == len(changes)

    def test_says_everything_of_dashboards_too(self, tmp_path: Path) -> None:
        whole = read(tmp_path, WHOLE)
        assert restored(resolved(whole)) == whole
        assert restored(json.dumps(json.loads(resolved(whole)), sort_keys=True)) == whole
        assert [*whole.dashboards[0].panels] == ["account", "glance", "sums", "daily", "latest", "best"]
        assert whole.lists[1].dimensions == FrozenMapping({})

    def test_has_a_hash_that_differs_with_anything_that_is_shown(self, tmp_path: Path) -> None:
        changes = (
            ("", ""),
            ('formula = "orders.orders /', 'formula = "orders.orders *'),
            ("decimals = 3", "decimals = 2"),
            (', "public.Product.shipCountry"', ""),
            ("all = true\n", ""),
            ("limit = 5", "limit = 6"),
            ("dimensions = {}\n", ""),
            ('at = "createdAt", total = "total / 100"', 'total = "total / 100", at = "createdAt"'),
            ("facts = { since = ", "facts = { begun = "),
            ('"today", "all_time"', '"all_time", "today"'),
            ("totals = true, ", ""),
            ('label = "Sums"', 'label = "Totals"'),
            ("account = {", "profile = {"),
        )
        hashes = {fingerprint(read(tmp_path, WHOLE.replace(old, new) if old else WHOLE)) for old, new in changes}
        assert len(hashes) == len(changes)

    def test_of_a_version_without_dashboards_can_be_read(self, shop: Application) -> None:
        content = json.loads(resolved(shop))
        for kind in ("dimensions", "metrics", "lists", "dashboards"):
            del content[kind]
        del content["user"]["facts"]
        without = {"user": shop.user.model_copy(update={"facts": FrozenMapping({})})}
        without |= dict.fromkeys(("dimensions", "metrics", "lists", "dashboards"), ())
        assert restored(json.dumps(content)) == shop.model_copy(update=without)

    def test_of_another_format_is_refused(self, shop: Application) -> None:
        with pytest.raises(ValueError, match="another version"):
            restored(resolved(shop).replace('"format":1', '"format":2'))


def test_the_least_file_is_a_user_and_a_view(tmp_path: Path) -> None:
    assert read(tmp_path, '[user]\n[view.v]\ntable = "t"\nuser = "u"\nmeasures = { n = "count" }').user == UserTable()
    assert USER in LEAST
