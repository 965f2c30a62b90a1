"""The URL of the webhook log says its whole state."""

from datetime import UTC, datetime, timedelta

from webhookui.core.database import now
from webhookui.web.log.query import pairs, read_query


def test_pairs_of_id_and_version_are_read_and_rubbish_is_left_out() -> None:
    assert pairs("12:3,11:2,,x:1,5,-1:2,²:1") == {12: 3, 11: 2, 5: 0}


def test_a_local_time_is_meant_in_the_users_zone() -> None:
    query = read_query({"since": "2026-01-31T12:00"}, "Europe/Prague")
    assert query.log_filter.since == datetime(2026, 1, 31, 11, tzinfo=UTC)
    assert query.args["since"] == "2026-01-31T12:00"


def test_a_range_reaches_back_from_now() -> None:
    since = read_query({"range": "24h"}, "UTC").log_filter.since
    assert since is not None and abs(now() - timedelta(hours=24) - since) < timedelta(seconds=5)


def test_a_value_that_can_not_be_read_is_named_and_the_others_still_hold() -> None:
    query = read_query({"status_code": "teapot", "status": "gone", "q": "x"}, "UTC")
    assert set(query.errors) == {"status_code", "status"}
    assert query.log_filter.q == "x"
    assert query.args["status_code"] == "teapot"


def test_the_url_keeps_the_filter_and_takes_changes() -> None:
    query = read_query({"status": "failed", "q": "a b", "before": "9", "open": "3,2"}, "UTC")
    assert query.url(status=None) == "/log?q=a+b"
    assert query.url(before=5) == "/log?status=failed&q=a+b&before=5"
    assert query.open == (3, 2)
