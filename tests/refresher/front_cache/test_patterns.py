"""Patterns of invalidations by hand: what they match, whom they name, and what of them a log may hold."""

from itertools import product

import pytest

from models.user_key import INTEGER, TEXT
from refresher.front_cache.entry import EntryKey
from refresher.front_cache.feed import FeedRow
from refresher.front_cache.patterns import (
    LONGEST_PATTERN,
    compile_pattern,
    pattern_for_region,
    pattern_for_user,
    shape,
    user_named,
)

KEYS = [
    EntryKey(region, user, dashboard, ())
    for (region, dashboard), user in product(
        [("dashboard", "summary"), ("dashboard", "history"), ("annex", "annexes"), ("speed", "speed")],
        [7, 70, 17, 8],
    )
]


def matched(pattern: str) -> set[tuple[str, int, str]]:
    return {(key.region, key.user, key.dashboard) for key in KEYS if compile_pattern(pattern).matches(key)}


def those(regions: set[str], users: set[int], dashboards: set[str] | None = None) -> set[tuple[str, int, str]]:
    return {
        (key.region, key.user, key.dashboard)
        for key in KEYS
        if key.region in regions and key.user in users and (dashboards is None or key.dashboard in dashboards)
    }


ALL = {"dashboard", "annex", "speed"}
EVERYONE = {7, 70, 17, 8}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", those(ALL, EVERYONE)),
        ("dashboard:*", those({"dashboard"}, EVERYONE)),
        ("*:user:7", those(ALL, {7})),
        ("*:user:7*", those(ALL, {7, 70})),
        ("*:user:?7", those(ALL, {17})),
        ("annex:user:7:*", those({"annex"}, {7})),
        ("annex:user:7", those({"annex"}, {7})),
        ("*:user:7:summary", those(ALL, {7}, {"summary"})),
        ("*:summary", those(ALL, EVERYONE, {"summary"})),
        ("*:user:[78]", those(ALL, {7, 8})),
        ("[ad]*:user:7", those({"annex", "dashboard"}, {7})),
        ("*:user:[!7]", those(ALL, {8})),
        ("Dashboard:*", set()),
        ("dashboard", set()),
        ("user:7", set()),
        ("", set()),
        ("[", set()),
        (pattern_for_user(70), those(ALL, {70})),
        (pattern_for_region("annex"), those({"annex"}, EVERYONE)),
    ],
)
def test_a_pattern_matches_either_label_of_an_entry(pattern: str, expected: set[tuple[str, int, str]]) -> None:
    assert matched(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "user"),
    [
        ("*:user:7", 7),
        ("annex:user:7:*", 7),
        ("a?e*:user:70:x[", None),
        ("*:user:7*", None),
        ("*:user:?", None),
        ("*:user:[7]", None),
        ("[:user:7]*", None),
        ("*:user:007", None),
        ("*:user:", None),
        ("*", None),
        ("user:7", None),
    ],
)
def test_a_pattern_that_spells_out_a_user_says_so(pattern: str, user: int | None) -> None:
    assert user_named(pattern, INTEGER) == user


PARTS = ["*", "?", "[78]", "[!7]", "dashboard", "annex", "d*", ":user:7", ":user:8", ":user:*", ":*", ":summary", ":"]


def test_looking_only_at_the_user_it_spells_out_misses_no_entry() -> None:
    narrow = 0
    for parts in product(PARTS, repeat=3):
        named = user_named("".join(parts), INTEGER)
        if named is not None:
            narrow += 1
            assert {user for _, user, _ in matched("".join(parts))} <= {named}
    assert narrow > 100


@pytest.mark.parametrize(
    "user",
    ["alice", "a:b", "*", "?", "[x]", "50%", "%2A", "Ünal", "x y", "a/b", "o'b\"", "a:user:b", "\U0001f600" * 255],
)
def test_a_key_that_is_text_is_named_and_found_whatever_is_in_it(user: str) -> None:
    pattern = pattern_for_user(user)
    found = compile_pattern(pattern)
    assert user_named(f"cache:{pattern}", TEXT) == user
    assert len(pattern) <= LONGEST_PATTERN
    assert pattern.isascii()
    assert pattern.isprintable()
    assert found.matches(EntryKey("dashboard", user, "summary", ()))
    for other in ("bob", "a", "b", "alice:summary", "Alice", "x", "*x", "A:B", "%2a", user + "*", user + "x"):
        assert not found.matches(EntryKey("dashboard", other, "summary", ()))


HOSTILE = ["alice", "alice:summary", "*", "?", "%2A", "%2a", "a:user:b", "a", "b", "ALICE", "[a-z]*", "x y"]


@pytest.mark.parametrize("named", HOSTILE)
def test_a_pattern_that_names_one_text_matches_no_entry_of_another(named: str) -> None:
    """Whatever an operator types after ``user:``, encoded or not."""
    for pattern in (f"*:user:{named}", f"*:user:{named}:*", pattern_for_user(named)):
        whose = user_named(pattern, TEXT)
        if whose is not None:
            found = compile_pattern(pattern)
            assert {user for user in HOSTILE if found.matches(EntryKey("r", user, "summary", ()))} <= {whose}


@pytest.mark.parametrize(("source", "user"), [("cache:*:user:7", 7), ("cache:*", None), ("loans", None)])
def test_a_row_of_the_feed_is_narrowed_to_the_user_its_pattern_spells_out(source: str, user: int | None) -> None:
    assert FeedRow(11, None, source, None, None).narrowed(INTEGER) == FeedRow(11, user, source, None, None)


def test_a_row_of_a_change_keeps_its_user() -> None:
    row = FeedRow(11, 9, "loans", None, None)
    assert row.narrowed(INTEGER) is row


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("*:user:7", "*:user:*"),
        ("annex:user:somebody:*", "annex:user:*:*"),
        ("*7*", "***"),
        ("dashboard:*", "dashboard:*"),
        ("dashboard:user:alice:summary", "dashboard:user:*:*"),
        ("*:user:alice%3Asmith", "*:user:*"),
        ("*alice*", "***"),
        ("alice", "*"),
        ("*:alice:*", "*:*:*"),
    ],
)
def test_the_shape_of_a_pattern_names_nobody(pattern: str, said: str) -> None:
    assert shape(pattern) == said


def test_a_hostile_pattern_takes_no_time() -> None:
    assert matched("*a" * 99 + "!") == set()
    assert matched("*a" * 1_599 + "!") == set()
