"""Nouns that are made quickly are what their dataclass says, and nothing else."""

import inspect
from dataclasses import FrozenInstanceError, dataclass, field, replace

import msgspec
import pytest

from watcher.model.subjects import quickly_made


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    key: str
    labels: dict[str, str] = field(default_factory=dict)
    since: int
    parts: tuple[int, ...] = ()


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    key: str
    labels: dict[str, str] = field(default_factory=dict)
    since: int
    parts: tuple[int, ...] = ()


def test_it_has_the_fields_and_defaults_of_its_dataclass():
    quick = Quick(key="a", since=1)
    assert type(quick) is Quick
    assert repr(quick) == repr(Plain(key="a", since=1)).replace("Plain", "Quick")
    assert quick == Quick(key="a", labels={}, since=1, parts=())
    assert quick != Quick(key="a", since=2)
    assert inspect.signature(Quick).parameters.keys() == inspect.signature(Plain).parameters.keys()


def test_each_gets_a_default_of_its_own():
    assert Quick(key="a", since=1).labels is not Quick(key="a", since=1).labels


@pytest.mark.parametrize(
    "arguments", [{"key": "a"}, {"key": "a", "since": 1, "other": 2}], ids=["missing", "unknown"]
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(TypeError):
        Quick(**arguments)


def test_it_cannot_be_changed():
    quick = Quick(key="a", since=1)
    with pytest.raises(FrozenInstanceError):
        quick.key = "b"
    with pytest.raises(FrozenInstanceError):
        del quick.key
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        quick.other = 1


def test_it_is_replaced_stored_and_loaded_as_any_dataclass():
    quick = replace(Quick(key="a", since=1), parts=(1, 2))
    assert quick == Quick(key="a", since=1, parts=(1, 2))
    assert msgspec.json.decode(msgspec.json.encode(quick), type=Quick) == quick
