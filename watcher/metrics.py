"""Every metric that Watcher exposes, named in one place (listed in docs/reference/metrics.md).

Names follow the Prometheus naming guide: one prefix, base units, timestamps instead of ages, no
unbounded labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import choose_encoder

from watcher import model

# Off: a second series for each counter, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations


class Metrics:
    """The metrics of one daemon, in a registry of its own."""

    def __init__(self, *, version: str, sources: Iterable[str], receivers: Iterable[str]) -> None:
        registry = self._registry = CollectorRegistry()
        Info("watcher_build", "Version of Watcher", registry=registry).info({"version": version})
        self.is_leader = Gauge(
            "watcher_leads", "1 while this daemon is the leader, 0 on a standby", registry=registry
        )
        self.polls = Counter(
            "watcher_source_polls_total",
            "Polls of a source, by outcome",
            ["source", "outcome"],
            registry=registry,
        )
        self.history_fetches = Counter(
            "watcher_source_records_read_total",
            "Requests for a vendor's alarm history, by outcome",
            ["source", "outcome"],
            registry=registry,
        )
        self.last_success = Gauge(
            "watcher_source_last_success_timestamp_seconds",
            "When a poll of a source last succeeded",
            ["source"],
            registry=registry,
        )
        self.blind = Gauge(
            "watcher_source_blind",
            "1 while a source is blind",
            ["source"],
            registry=registry,
        )
        self.subjects = Gauge(
            "watcher_source_subjects",
            "Subjects in the last poll",
            ["source"],
            registry=registry,
        )
        self.rule_matches = Gauge(
            "watcher_rule_matches",
            "1 while a rule has a subject that it could fire for, 0 while it matches nothing",
            ["rule"],
            registry=registry,
        )
        self.unreadable = Counter(
            "watcher_source_unreadable_total",
            "Subjects in polls that could not be parsed",
            ["source"],
            registry=registry,
        )
        self.future = Counter(
            "watcher_source_future_total",
            "Times and samples that were left out because they had not come yet",
            ["source"],
            registry=registry,
        )
        self.unread_values = Counter(
            "watcher_source_unreadable_values_total",
            "Measured values in polls that could not be read",
            ["source"],
            registry=registry,
        )
        self.calls = Gauge(
            "watcher_account_calls",
            "Calls this month (UTC) of an account with calls_per_month",
            ["account"],
            registry=registry,
        )
        self.call_budget = Gauge(
            "watcher_account_calls_budget",
            "Calls that an account with calls_per_month may make in a month",
            ["account"],
            registry=registry,
        )
        self.account_failing = Gauge(
            "watcher_account_failing",
            "1 while an account's vendor is not responding and requests are held back",
            ["account"],
            registry=registry,
        )
        self.incidents = Gauge(
            "watcher_incidents", "Incidents that are not resolved", ["status"], registry=registry
        )
        self.clock_steps = Counter(
            "watcher_clock_steps_total",
            "How often the clock was set by more than 2 s, or differed so at a takeover",
            ["direction"],
            registry=registry,
        )
        self.rules = Gauge("watcher_rules_loaded", "Rules in force", registry=registry)
        self.last_reload_successful = Gauge(
            "watcher_config_last_reload_successful",
            "1 if the last reload of the rules succeeded",
            registry=registry,
        )
        self.expression_errors = Counter(
            "watcher_rule_misfires_total",
            "Expressions that failed at run time",
            ["rule"],
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "watcher_commit_duration_seconds",
            "Time to commit one event",
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
            registry=registry,
        )
        self.pending_deliveries = Gauge(
            "watcher_delivery_owed",
            "Incidents with a pending delivery to a receiver",
            ["receiver"],
            registry=registry,
        )
        self.oldest_pending_delivery = Gauge(
            "watcher_delivery_oldest_owed_timestamp_seconds",
            "Since when the oldest of them has been pending; 0 if there is none",
            ["receiver"],
            registry=registry,
        )
        self.receiver_failing = Gauge(
            "watcher_delivery_failing",
            "1 while deliveries to a receiver fail",
            ["receiver"],
            registry=registry,
        )
        self.deliveries = Counter(
            "watcher_deliveries_total",
            "Deliveries to a receiver, by outcome and by why they failed",
            ["receiver", "outcome", "reason"],
            registry=registry,
        )
        self.last_drill = Gauge(
            "watcher_drill_last_timestamp_seconds",
            "When the last drill was started; 0 if none is kept",
            registry=registry,
        )
        self.drill_failed = Gauge(
            "watcher_drill_failed",
            "1 where a receiver was not notified in time in the last drill",
            ["receiver"],
            registry=registry,
        )
        self.last_backup = Gauge(
            "watcher_backup_last_timestamp_seconds",
            "Of when the last backup is that was recorded; 0 if none was",
            registry=registry,
        )
        self.oncall_gap = Gauge(
            "watcher_oncall_gap", "1 while nobody has a rota", ["rota"], registry=registry
        )
        self.oncall_calendar_failing = Gauge(
            "watcher_oncall_calendar_failing",
            "1 while a rota's calendar cannot be read and the last one counts",
            ["rota"],
            registry=registry,
        )
        self.availability = Gauge(
            "watcher_availability_ratio",
            "Share of the known time of this month (UTC) in which circuits were not down",
            ["source"],
            registry=registry,
        )
        self.availability_seconds = Gauge(
            "watcher_availability_seconds",
            "How long the circuits of a source were in each condition this month (UTC), together",
            ["source", "condition"],
            registry=registry,
        )
        self.notices = Counter(
            "watcher_works_notices_total",
            "Messages about planned works: notices that were read, and messages that were rejected",
            ["outcome"],
            registry=registry,
        )
        self.circuits_asked = Gauge(
            "watcher_works_circuits_asked",
            "Circuits of planned works that match none of their carrier in the inventory",
            registry=registry,
        )
        for outcome in ("read", "rejected"):
            self.notices.labels(outcome)
        for source in sources:
            for outcome in ("ok", "failed"):
                self.polls.labels(source, outcome)
                self.history_fetches.labels(source, outcome)
            for gauge in (self.last_success, self.blind, self.subjects):
                gauge.labels(source)
            self.unreadable.labels(source)
            self.future.labels(source)
            self.unread_values.labels(source)
        for direction in ("back", "forward"):
            self.clock_steps.labels(direction)
        for receiver in receivers:
            for gauge in (
                self.pending_deliveries,
                self.oldest_pending_delivery,
                self.receiver_failing,
            ):
                gauge.labels(receiver)
            self.deliveries.labels(receiver, "ok", "")
            for reason in model.FailureReason:
                self.deliveries.labels(receiver, "failed", reason)
        for status in (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED):
            self.incidents.labels(status)

    def count_notice(self, outcome: str) -> None:
        """Count a notice that was read, or a message that was rejected."""
        self.notices.labels(outcome).inc()

    def count_delivery(self, receiver: str, reason: model.FailureReason | None) -> None:
        """Count a delivery to a receiver, which failed where there is a reason."""
        self.deliveries.labels(receiver, "failed" if reason else "ok", reason or "").inc()

    def show_rules(self, matches: Mapping[str, bool]) -> None:
        """Show of each rule whether it matches anything, and of no rule that was removed."""
        self.rule_matches.clear()
        for rule, matched in matches.items():
            self.rule_matches.labels(rule).set(matched)

    def show_rotas(self, rotas: Iterable[tuple[str, bool, bool]]) -> None:
        """Show of each rota whether nobody has it, and whether its calendar cannot be read."""
        self.oncall_gap.clear()
        self.oncall_calendar_failing.clear()
        for rota, gap, failing in rotas:
            self.oncall_gap.labels(rota).set(gap)
            self.oncall_calendar_failing.labels(rota).set(failing)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def negotiated(self, accepted: str) -> tuple[bytes, str]:
        """Return all metrics and their content type: Prometheus' text format, or OpenMetrics.

        `accepted` is the Accept header of who asks.
        """
        encode, content_type = choose_encoder(accepted)
        return encode(self._registry), content_type
