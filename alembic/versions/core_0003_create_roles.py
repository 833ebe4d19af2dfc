"""Roles for the web and the refresher, and what each is allowed."""

import logging

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None
depends_on = None

SCHEMA = "frontview"
FUNCTIONS = ("missing_rights", "grant_rights", "refresh_tier", "analyze_tier")
VERSION_TABLE = "public.frontview_alembic_version"

WEB, REFRESHER = "frontview_web", "frontview_refresher"
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
REQUESTS = ("request_invalidation", "request_task")
EVERYBODY = ("missing_rights", "tier_holds", "rows_of_source")
REPORTS = ("report_worker", "report_accesses")
# The protocol's and the audit's functions run with the refresher's own rights, the last ones with the owner's.
MAINTENANCE = (
    "begin_read",
    "find_stale_days",
    "storage_changed",
    "rewritten",
    "rows_added",
    "reset_drain",
    "drain_changes",
    "collect_stale_keys",
    "request_seal",
    "unseal",
    "seal_is_due",
    "prune_change_log",
    "forget_feed",
    "capture_coverage",
    "load_zones",
    "check_capture",
    "adopt_partitions",
    "refresh_tier",
    "analyze_tier",
    "activate_declaration",
    "drop_retired",
)
WEB_READS = (
    "alarm",
    "audit",
    "declaration",
    "drain",
    "feed",
    "invalidation",
    "leader_note",
    "operator_task",
    "refresh_attempt",
    "refresh_log",
    "released",
    "role_right",
    "seal",
    "source",
    "traffic",
    "view_state",
    "warm_plan",
    "worker",
    VERSION_TABLE,
)
REFRESHER_READS = ("declaration", "ready_view", "role_right", "source", "view_state", VERSION_TABLE)
REFRESHER_WRITES = (
    "access",
    "alarm",
    "audit",
    "capture_state",
    "change_log",
    "drain",
    "feed",
    "invalidation",
    "leader_note",
    "operator_task",
    "refresh_attempt",
    "refresh_log",
    "seal",
    "stale_key",
    "traffic",
    "warm_plan",
    "worker",
)
# Not `relation`: only migrations say which relation a refresh runs on.
REFRESHED = (
    "first_day",
    "before_day",
    "through",
    "epoch",
    "refreshed_at",
    "duration_ms",
    "rebuild_ms",
    "rebuilt_rows",
    "key_us",
)

# Roles belong to the whole cluster, so another database may have created them, or may create them at the same time.
CREATE_ROLES = """
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['frontview_owner', 'frontview_refresher', 'frontview_web'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
            END;
        END IF;
    END LOOP;
END
$$
"""
MISSING_ROLES = """
SELECT r FROM unnest(ARRAY['frontview_owner', 'frontview_refresher', 'frontview_web']) r WHERE to_regrole(r) IS NULL
"""
NOTICE = (
    "The roles %s do not exist, and the migrating role may not create them (CREATEROLE). Everything works with one "
    "role. To have them: an administrator runs CREATE ROLE for each, then run `frontview migrate` again."
)
# Revokes everything that was given to them in this database, by migrations or by hand.
REVOKE_EVERYTHING = """
DO $$
DECLARE
    them text := (
        SELECT string_agg(quote_ident(rolname), ', ') FROM pg_roles
        WHERE rolname IN ('frontview_owner', 'frontview_refresher', 'frontview_web') AND rolname <> current_user
    );
    relation regclass;
BEGIN
    IF them IS NULL THEN
        RETURN;
    END IF;
    EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA frontview FROM ' || them;
    EXECUTE 'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA frontview FROM ' || them;
    EXECUTE 'REVOKE ALL ON SCHEMA frontview FROM ' || them;
    FOR relation IN
        SELECT s.relation FROM frontview.source s
        UNION SELECT c.oid FROM pg_class c WHERE c.oid = to_regclass('public.frontview_alembic_version')
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', relation, them);
    END LOOP;
END
$$
"""
# A role stays if another database uses it or it has a member. Since PostgreSQL 16 its creator is a member.
DROP_ROLES = """
DO $$
DECLARE
    unwanted text;
BEGIN
    FOREACH unwanted IN ARRAY ARRAY['frontview_owner', 'frontview_refresher', 'frontview_web'] LOOP
        IF to_regrole(unwanted) IS NOT NULL AND unwanted <> current_user AND NOT EXISTS (
            SELECT FROM pg_auth_members m
            WHERE m.roleid = to_regrole(unwanted) AND m.member <> current_user::regrole
        ) THEN
            BEGIN
                EXECUTE format('DROP ROLE %I', unwanted);
            EXCEPTION
                WHEN dependent_objects_still_exist OR insufficient_privilege OR undefined_object THEN NULL;
            END;
        END IF;
    END LOOP;
END
$$
"""


def upgrade() -> None:
    op.execute(CREATE_ROLES)
    create_role_right()
    for name in FUNCTIONS:
        op.create_sql_object(name, version=1)
    op.allow(WEB, WEB_READS)
    op.allow(WEB, ("change_log",), columns=("xid",))
    op.allow(WEB, ("stale_key",), columns=("source", "day", "drain_id"))
    op.allow(WEB, (*REQUESTS, *REPORTS, "redeem_sign_in_code", *EVERYBODY), ("EXECUTE",))
    op.allow(REFRESHER, REFRESHER_READS)
    op.allow(REFRESHER, REFRESHER_WRITES, ALL)
    op.allow(REFRESHER, ("view_state",), ("UPDATE",), columns=REFRESHED)
    op.allow(REFRESHER, ("sign_in_code",), ("DELETE",))
    op.allow(REFRESHER, ("sign_in_code",), columns=("expires_at",))
    op.allow(REFRESHER, (*MAINTENANCE, *REQUESTS, *EVERYBODY), ("EXECUTE",))
    if missing := op.get_bind().execute(sa.text(MISSING_ROLES)).scalars().all():
        logging.getLogger("frontview.migrations").warning(NOTICE, ", ".join(missing))


def create_role_right() -> None:
    op.create_table(
        "role_right",
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False, comment="a relation or function, schema-qualified"),
        sa.Column("privilege", sa.Text, nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text), nullable=False, server_default="{}", comment="empty: all"),
        sa.Column(
            "as_owner",
            sa.Boolean,
            nullable=False,
            server_default=sa.false(),
            comment="of a function: it runs with its owner's rights",
        ),
        sa.PrimaryKeyConstraint("role", "object", "privilege", name="pk_role_right"),
        sa.CheckConstraint("role IN ('frontview_refresher', 'frontview_web')", name="role"),
        sa.CheckConstraint("privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'EXECUTE')", name="privilege"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.execute(REVOKE_EVERYTHING)
    for name in reversed(FUNCTIONS):
        op.drop_sql_object(name, version=1)
    op.drop_table("role_right", schema=SCHEMA)
    op.execute(DROP_ROLES)
