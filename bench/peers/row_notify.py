"""Capture as it is commonly built: a row trigger that notifies, without any part of Frontview.

Invariant: the payload is the user's id, so that a listener drops only that user's answers.
"""

from models.engine import connect

CHANNEL = "frontview_bench_row"
_SQL = f"""
CREATE FUNCTION public.bench_row_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('{CHANNEL}', COALESCE(NEW.user_id, OLD.user_id)::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER bench_row_notify AFTER INSERT OR UPDATE OR DELETE ON public.calls
FOR EACH ROW EXECUTE FUNCTION public.bench_row_notify();
"""


def notify_by_row_trigger(url: str) -> None:
    """Replace Frontview's capture of ``calls`` in a database by a row trigger that notifies."""
    with connect(url, "frontview-bench-row-notify") as connection:
        connection.execute("SELECT frontview.remove_triggers('calls')")
        connection.execute(_SQL)
