"""The two ways in which the outside world can fail, as every door reports them.

Law: a foreign exception never passes a door; it is raised again as one of these, `from` its cause.
"""

from __future__ import annotations


class WatcherError(Exception):
    """An expected failure of the outside world: temporary or permanent, never this class itself."""


class TemporaryError(WatcherError):
    """It may work later: a timeout, a 5xx, a rate limit, a broker that is restarting.

    `delay` is what the other side asked for, in seconds, or None when it did not say. `narrow`:
    it is asked for this one kind of act, so that others at the same place need not wait.
    """

    def __init__(self, message: str, *, delay: float | None = None, narrow: bool = False) -> None:
        super().__init__(message)
        self.delay = delay
        self.narrow = narrow


class PermanentError(WatcherError):
    """It will not work until a person changes something: a wrong secret, a missing channel."""


class HeldBackError(TemporaryError):
    """Nothing was asked: it would be too soon, and `delay` says by how much."""


class AmbiguousError(TemporaryError):
    """The request left and no answer came: it may or may not have been carried out.

    Whoever catches it looks the act up before repeating it.
    """


class InvalidConfigError(Exception):
    """Config, rules or inventory that cannot be used; `problems` has a line for each problem."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
