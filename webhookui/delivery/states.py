"""The status machine of a delivery, as tables that the code follows and `docs/delivery.md` is made from
(specification section 6)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """One status: the API's word, the interface's word, a Bootstrap icon, a colour's name and what it means."""

    name: str
    label: str
    icon: str
    tone: str
    meaning: str
    final: bool = False


STATUSES: dict[str, Status] = {
    status.name: status
    for status in (
        Status("queued", "Queued", "hourglass-split", "neutral", "Not yet dispatched."),
        Status("dispatched", "Dispatched", "send", "info", "Handed to the third party; the answer is not in."),
        Status("success", "Success", "check-circle-fill", "success", "Delivered to the third party.", final=True),
        Status(
            "retry", "Retry", "arrow-repeat", "warning", "An attempt failed; the next one is due at the time shown."
        ),
        Status("failed", "Failed", "x-circle-fill", "danger", "Given up.", final=True),
    )
}

FINAL = tuple(name for name, status in STATUSES.items() if status.final)
OPEN = tuple(name for name, status in STATUSES.items() if not status.final)
IN_HAND = ("dispatched",)
WAITING = tuple(name for name in OPEN if name not in IN_HAND)
"""Not in the hands of a sender: what may be claimed, held, tried now or given up."""


@dataclass(frozen=True)
class Transition:
    """What may happen to a delivery: from one of `before`, by `event`, to `after`."""

    event: str
    before: tuple[str, ...]
    after: str
    when: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition("saved", (), "queued", "A save met a workflow's criteria, or somebody sent a test or a redelivery."),
    Transition(
        "refused", (), "failed", "The request can't be built: a required parameter is empty, a placeholder fails."
    ),
    Transition("claimed", WAITING, "dispatched", "A sender took it."),
    Transition("released_unsent", ("dispatched",), "queued", "The sender gave it back before its first attempt."),
    Transition("released", ("dispatched",), "retry", "The sender gave it back before another attempt; due at once."),
    Transition("accepted", ("dispatched",), "success", "The answer was a success."),
    Transition("postponed", ("dispatched",), "retry", "The attempt failed and retries are left."),
    Transition("exhausted", ("dispatched",), "failed", "The attempt failed and it was the last one."),
    Transition("gone", ("dispatched",), "failed", "The third party answered 410 Gone."),
    Transition(
        "misconfigured", ("dispatched",), "failed", "Retrying can't help: a blocked address, an unreadable secret."
    ),
    Transition(
        "interrupted", ("dispatched",), "retry", "The process died while the request was in flight; due at once."
    ),
    Transition("superseded", ("retry", "dispatched"), "failed", "A newer delivery for the same record replaces it."),
    Transition("hurried", ("retry",), "retry", "An admin pressed Try now: the next attempt is due at once."),
    Transition("given_up", WAITING, "failed", "An admin pressed Give up."),
    Transition("failed_by_hand", WAITING, "failed", "An admin pressed Fail all."),
    Transition(
        "ended",
        WAITING,
        "failed",
        "An admin ended what was waiting or held of a workflow, deleted the workflow, or removed the action from it.",
    ),
    Transition(
        "removed", ("dispatched",), "failed", "The attempt failed, and its webhook had been removed in the meantime."
    ),
)

_AFTER = {transition.event: transition for transition in TRANSITIONS}


def after(event: str, before: str | None) -> str:
    """The status that `event` leads to. Raises ValueError for a step that the table doesn't have."""
    transition = _AFTER[event]
    if before not in (transition.before or (None,)):
        raise ValueError(f"A delivery that is {before} can't be {event}.")
    return transition.after


def table_as_markdown() -> str:
    """The two tables for `docs/delivery.md`."""
    lines = ["| status | meaning |", "|---|---|"]
    lines += [f"| {status.label} | {status.meaning} |" for status in STATUSES.values()]
    lines += ["", "| event | from | to | when |", "|---|---|---|---|"]
    for step in TRANSITIONS:
        before = ", ".join(STATUSES[name].label for name in step.before) or "–"
        lines.append(f"| {step.event.replace('_', ' ')} | {before} | {STATUSES[step.after].label} | {step.when} |")
    return "\n".join(lines) + "\n"
