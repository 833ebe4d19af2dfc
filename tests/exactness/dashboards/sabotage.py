"""Ways to break dashboards and lists as they are generated, for the test that the comparison finds each.

Invariant: each leaves out or shifts one thing, and what stays is what is installed otherwise.
"""

import re

FILTER = re.compile(r"\n        AND \(\(f_\w+ IS NULL AND fn_\w+ IS NOT TRUE\)[^\n]*")
AVERAGE = re.compile(r"round\(\(\w+\.\w+\)::numeric / NULLIF\(\w+\.\w+, 0\), \d+\)")
EVERY_LABEL = re.compile(r" UNION SELECT l\.label_key[^\n]*?(?=\) k\n)")
TRIGGER = re.compile(r"(\bRETURNS trigger\n.*?\nBEGIN\n)", re.DOTALL)
LAST_KEY = re.compile(r"(ORDER BY v\.o_1[^()]*?), v\.o_\d+( DESC)?(?=\)| LIMIT)")


def _answers(text: str) -> bool:
    return "_dashboard(" in text or "_list(" in text


def one_filter_forgotten(text: str) -> str:
    """Let the first reading of a dashboard pass all rows."""
    return FILTER.sub("", text, count=1) if "_dashboard(" in text else text


def labels_of_everybody(text: str) -> str:
    """Show labels of rows that are another user's."""
    return text.replace(" AND (l.user_key = p_user) IS TRUE", "") if _answers(text) else text


def rows_of_everybody(text: str) -> str:
    """Add the labels of every user to the groups."""
    return text.replace("WHERE l.user_key = p_user", "WHERE TRUE") if _answers(text) else text


def every_label_forgotten(text: str) -> str:
    """Leave out groups that no row is in."""
    return EVERY_LABEL.sub("", text) if _answers(text) else text


def compared_a_day_off(text: str) -> str:
    """Compare with a period that ends a day too early."""
    return text.replace("r.day <= first_day - 1", "r.day <= first_day - 2") if _answers(text) else text


def list_without_tie_break(text: str) -> str:
    """Leave equal rows of lists in any order."""
    return LAST_KEY.sub(r"\1", text) if _answers(text) else text


def nothing_is_zero(text: str) -> str:
    """Take 0 for an average of no rows, so that metrics have values where they have none."""
    return AVERAGE.sub(r"COALESCE(\g<0>, 0)", text) if "_dashboard(" in text else text


def today_of_everybody(text: str) -> str:
    """Take the day of UTC for every user's."""
    return text.replace("(now() AT TIME ZONE zone)::date", "now()::date")


def zones_change_unseen(text: str) -> str:
    """Keep what was counted when a user's zone changes."""
    return _without_source(text, "existence_1_of_user")


def labels_change_unseen(text: str) -> str:
    """Keep answers when a label changes."""
    return _without_source(text, "product_1_label")


def lists_change_unseen(text: str) -> str:
    """Keep answers when a row of a list changes."""
    return _without_source(text, "latest_1_list", "rows_of_1_list", "booked_1_list")


def facts_change_unseen(text: str) -> str:
    """Keep answers when a fact changes."""
    return _without_source(text, "facts_1_of_user")


def _without_source(text: str, *names: str) -> str:
    """Let the triggers of a source log nothing."""
    if "INSERT INTO frontview.change_log" not in text or not any(f"'{name}'" in text for name in names):
        return text
    return TRIGGER.sub(r"\1    RETURN NULL;\n", text)
