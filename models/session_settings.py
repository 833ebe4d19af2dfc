"""The settings that every session of Frontview has, whatever is set for its role, its database or its environment.

Invariant: what can change an answer, refuse a statement, end a session or replace the plans that our SQL relies on is
listed here, and nowhere else, if a role may set it. Only what a caller asks for wins over it.

Left to the operator, since they change speed, storage or logs alone: memory, costs, parallel workers, statistics,
tablespaces, compression, ``lc_*``, ``log_*``, ``vacuum_*``; and ``role``, which is who we are.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType

SessionSettings = Mapping[str, str]
NONE: SessionSettings = MappingProxyType({})

_PLANNER_METHODS = (
    "async_append",
    "bitmapscan",
    "gathermerge",
    "hashagg",
    "hashjoin",
    "incremental_sort",
    "indexonlyscan",
    "indexscan",
    "material",
    "memoize",
    "mergejoin",
    "nestloop",
    "parallel_append",
    "parallel_hash",
    "partition_pruning",
    "seqscan",
    "sort",
    "tidscan",
)
# Every server from 15 on knows these, and every role may set them. Values are written as the server shows them.
PINNED: SessionSettings = MappingProxyType(
    {
        # Names: our objects are in the schemas public and frontview; the latter is always written out.
        "search_path": "public, pg_temp",
        # How values are read and written.
        "timezone": "UTC",
        "datestyle": "ISO, MDY",
        "intervalstyle": "postgres",
        "timezone_abbreviations": "Default",
        "bytea_output": "hex",
        "extra_float_digits": "1",
        "array_nulls": "on",
        "backslash_quote": "safe_encoding",
        "standard_conforming_strings": "on",
        "quote_all_identifiers": "off",
        "transform_null_equals": "off",
        # What a transaction sees, and whether it may write.
        "default_transaction_isolation": "read committed",
        "default_transaction_read_only": "off",
        "default_transaction_deferrable": "off",
        "synchronous_commit": "on",
        "row_security": "off",  # A table whose policies would hide rows from us is refused, not read in part.
        # Time limits: code that needs one asks for it.
        "statement_timeout": "0",
        "lock_timeout": "0",
        "idle_session_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "exit_on_error": "off",
        # What migrations make, and the checks of PL/pgSQL.
        "check_function_bodies": "on",
        "default_table_access_method": "heap",
        "plpgsql.extra_errors": "none",
        # Plans: the protocol's statements were written for these. Compiling takes longer than any of our statements.
        "jit": "off",
        "plan_cache_mode": "auto",
        "from_collapse_limit": "8",
        "join_collapse_limit": "8",
        "geqo_threshold": "12",
        "recursive_worktable_factor": "10",
        **{f"enable_{method}": "on" for method in _PLANNER_METHODS},
    }
)
# A server that does not know one of these would refuse the connection if it were among its startup parameters.
PINNED_WHERE_KNOWN: SessionSettings = MappingProxyType(
    {
        "transaction_timeout": "0",  # from 17
        "restrict_nonsystem_relation_kind": "",  # in later releases of 15
        "enable_presorted_aggregate": "on",  # from 16
        "enable_group_by_reordering": "on",  # from 17
        "enable_distinct_reordering": "on",  # from 18
        "enable_self_join_elimination": "on",  # from 18
    }
)
# libpq sends PGTZ and PGDATESTYLE as startup parameters of their own, which win over those in ``options``.
_FROM_THE_ENVIRONMENT = ("timezone", "datestyle")

# One statement for all settings, which are its parameter; only those that differ are set. Any search_path may
# be set in the session.
_SETTLE = """
SELECT pg_catalog.count(pg_catalog.set_config(s.key, s.value, {transaction}))
FROM pg_catalog.json_each_text({parameter}::pg_catalog.json) AS s
WHERE pg_catalog.current_setting(s.key, true) OPERATOR(pg_catalog.<>) s.value
"""
SETTLE_TRANSACTION = _SETTLE.format(transaction="true", parameter="%s")
SETTLE_SESSION = _SETTLE.format(transaction="false", parameter="$1")


def startup_options(session: SessionSettings, given: str = "") -> str:
    """Return the value of libpq's ``options`` for a session.

    :param session: settings that win over those pinned here.
    :param given: options that the operator wrote into the URL; they hold unless a setting is pinned here.
    """
    settings = {**PINNED, **session}
    return " ".join([given, *(f"-c {name}={_escaped(value)}" for name, value in settings.items())]).strip()


def after_startup(session: SessionSettings) -> str:
    """Return the parameter of :data:`SETTLE_SESSION`: what startup parameters cannot set reliably.

    :param session: as in :func:`startup_options`.
    """
    late = {**{name: PINNED[name] for name in _FROM_THE_ENVIRONMENT}, **PINNED_WHERE_KNOWN}
    return json.dumps(late | {name: value for name, value in session.items() if name in late})


def of_transaction(session: SessionSettings = NONE) -> str:
    """Return the parameter of :data:`SETTLE_TRANSACTION`, in whose transaction all settings hold; ``session`` wins."""
    return json.dumps({**PINNED, **PINNED_WHERE_KNOWN, **session})


def _escaped(value: str) -> str:
    """Return a value whose blanks do not end it in ``options``."""
    return re.sub(r"([\\\s])", r"\\\1", value)
