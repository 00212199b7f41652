"""Requires of what stands in for a safeguard that it can be called as the safeguard is."""

from __future__ import annotations

import inspect
from inspect import Parameter


def require_likeness(original: object, substitute: object) -> None:
    """Require that a substitute is of the same kind, and takes the same arguments.

    An async function in place of another one would never be awaited: what was to be broken would
    be skipped in silence, or its caller would break instead.
    """
    if not callable(original):
        assert not callable(substitute), f"{original!r} is not called, {substitute!r} would be"
        return
    assert callable(substitute), f"{substitute!r} cannot be called"
    is_async, stands_in = map(inspect.iscoroutinefunction, (original, substitute))
    assert is_async == stands_in, f"of {original!r} and {substitute!r} one alone is async"
    try:
        parameters = inspect.signature(original).parameters.values()
    except ValueError:  # some that are written in C have none
        return
    named = [parameter for parameter in parameters if parameter.kind is Parameter.KEYWORD_ONLY]
    placed = [
        parameter
        for parameter in parameters
        if parameter.kind in {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
    ]
    takes = inspect.signature(substitute)
    for only in (lambda parameter: parameter.default is Parameter.empty, lambda _: True):
        places = [parameter.name for parameter in placed if only(parameter)]
        takes.bind(*places, **{parameter.name: None for parameter in named if only(parameter)})
