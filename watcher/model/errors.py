"""The two ways in which the outside world can fail, as every adapter reports them.

Law: a foreign exception never leaves an adapter; it is raised again as one of these, `from` its
cause.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class FailureReason(StrEnum):
    """Why a delivery failed, in one word that can be counted."""

    AUTH = "auth"  # a secret, a token, or a right that is missing
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"  # understood, and not taken
    UNREACHABLE = "unreachable"  # no connection, no answer, or not in service


class WatcherError(Exception):
    """An expected failure of the outside world: temporary or permanent, never this class itself."""

    reason: FailureReason | None = None

    def because(self, reason: FailureReason) -> Self:
        """Return it with its reason."""
        self.reason = reason
        return self


class TemporaryError(WatcherError):
    """It may work later: a timeout, a 5xx, a rate limit, a broker that is restarting.

    `delay` is what the other side asked for, in seconds, or None when it did not say. `narrow`: it
    applies to this kind of request alone, so that others to the same host need not wait.
    """

    def __init__(self, message: str, *, delay: float | None = None, narrow: bool = False) -> None:
        super().__init__(message)
        self.delay = delay
        self.narrow = narrow


class PermanentError(WatcherError):
    """It will not work until a person changes something: a wrong secret, a missing channel."""


class HeldBackError(TemporaryError):
    """Nothing was sent: it would be too soon, and `delay` says by how much."""


class AmbiguousError(TemporaryError):
    """The request left and no answer came: it may or may not have been carried out.

    Check whether it was carried out before repeating it.
    """


class InvalidConfigError(Exception):
    """Config, rules or inventory that cannot be used; `problems` has a line for each problem."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def failure_reason(error: BaseException) -> FailureReason:
    """Return why something failed: as it says itself, or what it came from, or by its kind."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, WatcherError) and cause.reason is not None:
            return cause.reason
        cause = cause.__cause__
    is_temporary = isinstance(error, TemporaryError)
    return FailureReason.UNREACHABLE if is_temporary else FailureReason.REFUSED
