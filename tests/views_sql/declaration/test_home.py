"""Without a dashboard in its files a project has ``home``, which shows what its views count."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.views_sql.declaration.declaring import read
from views_sql.declaration.application import Application
from views_sql.declaration.panels import MOST_SHOWN

USER = '[user]\ntable = "public.Customer"\n'
HomeOf = Callable[[str], dict[str, tuple[str, tuple[str, ...]]]]
TIME = 'table = "t"\ntime = "at"\n'


@pytest.fixture
def home_of(tmp_path: Path) -> HomeOf:
    def made(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        application: Application = read(tmp_path, USER + text)
        (home,) = application.dashboards
        assert home.name == "home"
        return {
            name: (panel.kind, panel.measures or tuple(filter(None, (panel.of, panel.listed))))
            for name, panel in home.panels.items()
        }

    return made


def test_it_shows_every_view_and_dimension_and_list(home_of: HomeOf) -> None:
    found = home_of(
        'facts = { plan = "plan" }\n'
        f'[view.a]\n{TIME}dimensions = {{ d = "d", e = "e" }}\nmeasures = {{ n = "count", m = "count" }}\n'
        f'[view.b]\n{TIME}dimensions = {{ d = "d" }}\nmeasures = {{ n = "count" }}\n'
        '[view.c]\ntable = "t"\nmeasures = { k = "count" }\n'
        '[view.g]\ntable = "t"\ndimensions = { f = "f" }\nmeasures = { k = "count" }\n'
        '[list.last]\ntable = "u"\ncolumns = { a = "a" }\norder = "a"\n'
    )
    assert found == {
        "user": ("facts", ("user",)),
        "glance": ("compare", ("a.n", "a.m", "b.n")),
        "daily": ("series", ("a.n", "a.m", "b.n")),
        "a_d": ("groups", ("a.n", "a.m")),
        "e": ("groups", ("a.n", "a.m")),
        "b_d": ("groups", ("b.n",)),
        "c": ("facts", ("c",)),
        "f": ("groups", ("g.k",)),
        "last": ("list", ("last",)),
    }


def test_it_is_the_same_in_whatever_order_the_views_stand(tmp_path: Path) -> None:
    one = f'[view.a]\n{TIME}measures = {{ n = "count" }}\n'
    two = f'[view.b]\n{TIME}dimensions = {{ d = "d" }}\nmeasures = {{ m = "count" }}\n'
    assert read(tmp_path, USER + one + two).dashboards == read(tmp_path, USER + two + one).dashboards


def test_live_and_hidden_measures_are_left_out_while_others_are_there(home_of: HomeOf) -> None:
    found = home_of(
        f'[view.a]\n{TIME}[view.a.measures]\nn = "count"\n'
        'p = { percentile = "x", at = 0.5, live = true }\nh = { count = true, hidden = true }\n'
        f'[view.b]\n{TIME}[view.b.measures]\np = {{ percentile = "x", at = 0.5, live = true }}\n'
    )
    assert found["glance"] == ("compare", ("a.n", "b.p"))


def test_it_has_the_days_of_one_zone(home_of: HomeOf) -> None:
    far = f'[view.a]\n{TIME}zone = "Asia/Tokyo"\nmeasures = {{ n = "count" }}\n'
    near = f'[view.b]\n{TIME}zone = "UTC"\nmeasures = {{ m = "count" }}\n'
    assert home_of(far + near)["glance"] == ("compare", ("b.m",))
    assert home_of(far)["glance"] == ("compare", ("a.n",))


def test_names_that_meet_get_others_and_long_ones_are_cut(home_of: HomeOf) -> None:
    long = "d" * 40
    found = home_of(
        f'[view.daily]\n{TIME}dimensions = {{ glance = "d", {long} = "x" }}\nmeasures = {{ n = "count" }}\n'
        f'[view.b]\n{TIME}dimensions = {{ {long} = "d" }}\nmeasures = {{ n = "count" }}\n'
        '[list.daily]\ntable = "u"\ncolumns = { a = "a" }\norder = "a"\n'
    )
    assert list(found) == ["glance", "daily", f"b_{long}"[:40], "glance_2", f"daily_{long}"[:40], "daily_2"]


def test_measures_that_no_answer_can_name_beside_each_other_are_left_out(home_of: HomeOf) -> None:
    found = home_of(
        f'[view.a]\n{TIME}[view.a.measures]\nb_c = "count"\n'
        f'[view.a_b]\n{TIME}[view.a_b.measures]\nc = "count"\na_b_c = "count"\n'
        f'[view.z]\n{TIME}[view.z.measures]\nb_c = "count"\nc = "count"\n'
    )
    assert found["glance"][1] == ("z.b_c", "z.c")


def test_it_shows_as_many_measures_as_a_panel_may_have(home_of: HomeOf) -> None:
    many = "".join(
        f"[view.v{n}]\n{TIME}measures = {{ {', '.join(f'm{n}_{m} = {chr(34)}count{chr(34)}' for m in range(30))} }}\n"
        for n in range(3)
    )
    assert len(home_of(many)["glance"][1]) == MOST_SHOWN


def test_a_declared_dashboard_takes_its_place(tmp_path: Path) -> None:
    view = f'[view.a]\n{TIME}measures = {{ n = "count" }}\n'
    text = USER + view + '[dashboard.own]\npanels = { a = { kind = "series", measures = ["a.n"] } }\n'
    assert [it.name for it in read(tmp_path, text).dashboards] == ["own"]
