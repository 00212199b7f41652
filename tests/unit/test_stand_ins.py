"""What stands in for a safeguard in the tests of the checkers is called as the safeguard is."""

from __future__ import annotations

import builtins

import pytest

from tests.chaos import unsafe_daemon
from tests.stand_ins import require_likeness


async def awaited(self, token, *, at=None):
    pass


def called(self, token, *, at=None):
    pass


def test_the_same_kind_and_the_same_arguments_pass():
    require_likeness(awaited, awaited)
    require_likeness(called, lambda *_, **__: None)
    require_likeness("a setting", "")
    require_likeness(builtins.dict.get, lambda *_: None)


@pytest.mark.parametrize(
    ("original", "substitute", "error"),
    [
        (called, awaited, AssertionError),
        (awaited, called, AssertionError),
        (called, "", AssertionError),
        ("", called, AssertionError),
        (called, lambda _: None, TypeError),
        (called, lambda *_: None, TypeError),
        (called, lambda _self, _token, _more, **_: None, TypeError),
    ],
)
def test_another_kind_or_other_arguments_do_not(original, substitute, error):
    with pytest.raises(error):
        require_likeness(original, substitute)


@pytest.mark.parametrize("name", unsafe_daemon.REMOVALS)
def test_each_removal_replaces_something_by_its_like(name, monkeypatch):
    replaced = []
    monkeypatch.setattr(unsafe_daemon, "setattr", lambda *place: replaced.append(place), False)
    unsafe_daemon.REMOVALS[name]()
    assert replaced
