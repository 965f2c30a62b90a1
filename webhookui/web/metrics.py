"""The installation's figures as Prometheus wants them. What they cost does not grow with the log (specification section 10)."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from webhookui.delivery import attempt_metrics
from webhookui.delivery.attempt_metrics import BOUNDS_S
from webhookui.delivery_log import queue_health
from webhookui.notifications import mail_sender, outgoing_mail

OUTCOMES = ("success", "failed", "interrupted")
"""All that an attempt can come to: a series is there before its first event."""


class Figures(Collector):
    """One scrape."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def collect(self) -> Iterator[Metric]:
        yield from self._deliveries()
        yield from self._attempts()
        yield from self._mails()

    def _deliveries(self) -> Iterator[Metric]:
        health, state = queue_health.measure(self._session), queue_health.queue_state(self._session)
        deliveries = GaugeMetricFamily("webhookui_deliveries", "Deliveries in the log by status.", labels=["status"])
        for status, number in health.by_status.items():
            deliveries.add_metric([status], number)
        yield deliveries
        yield _gauge("webhookui_oldest_queued_seconds", "Age of the oldest queued delivery.", health.oldest_queued_s)
        yield _gauge("webhookui_workers", "Worker processes that were seen recently.", health.workers)
        yield _gauge("webhookui_queue_worked_on", "1 while a worker process answers the queue.", state.worked_on)
        yield _gauge("webhookui_paused_endpoints", "Webhooks and endpoints that are paused.", health.paused)
        yield _gauge(
            "webhookui_held_deliveries", "Deliveries that wait for a workflow that is off or held.", health.held
        )

    def _attempts(self) -> Iterator[Metric]:
        metrics = attempt_metrics.read(self._session)
        total = CounterMetricFamily("webhookui_attempts", "Attempts by outcome.", labels=["outcome"])
        durations = HistogramMetricFamily(
            "webhookui_attempt_duration_seconds", "Duration of attempts that were not interrupted.", labels=["outcome"]
        )
        for outcome in OUTCOMES:
            metric = metrics.get(outcome, attempt_metrics.OutcomeMetrics())
            total.add_metric([outcome], metric.number)
            if outcome != "interrupted":
                ends = [*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"]
                durations.add_metric(
                    [outcome], list(zip(ends, accumulate(metric.classes), strict=True)), metric.seconds
                )
        yield total
        yield durations

    def _mails(self) -> Iterator[Metric]:
        mails = GaugeMetricFamily("webhookui_mails", "Outgoing mails by status.", labels=["status"])
        for status, number in outgoing_mail.counts(self._session).items():
            mails.add_metric([status], number)
        yield mails
        unusable = mail_sender.error_state(self._session) is not None
        yield _gauge("webhookui_mail_server_trouble", "1 while the SMTP server can't be used.", unusable)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def text(session: Session) -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(session))
    return generate_latest(registry)
