"""Watcher's own dataclasses behave as the standard library's, and compile nothing in advance."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field, replace

import msgspec
import pytest

from watcher.dataclass import dataclass


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    key: str
    labels: dict[str, str] = field(default_factory=dict)
    since: int
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    key: str
    labels: dict[str, str] = field(default_factory=dict)
    since: int
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(Quick):
    number: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class Alone:
    key: str


@dataclass(slots=True, kw_only=True)
class Counter:
    name: str
    seen: list[int] = field(default_factory=list)
    total: int = field(default=0, init=False)


@dataclass(slots=True, eq=False)
class Handle:
    name: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    low: int
    high: int = field(default=9, repr=False, compare=False)

    def __post_init__(self):
        if self.low > self.high:
            raise ValueError(self.low)

    def __eq__(self, other):
        return self.low % 10 == other.low % 10

    def __hash__(self):
        return 7


def test_it_has_the_fields_and_defaults_of_the_librarys():
    quick = Quick(key="a", since=1)
    assert type(quick) is Quick
    assert repr(quick) == repr(Plain(key="a", since=1)).replace("Plain", "Quick")
    assert quick == Quick(key="a", labels={}, since=1, parts=())
    assert quick != Quick(key="a", since=2)
    assert quick != Plain(key="a", since=1)
    names = [[part.name for part in dataclasses.fields(noun)] for noun in (Quick, Plain)]
    assert names[0] == names[1]
    assert Quick.__match_args__ == Plain.__match_args__


def test_each_gets_a_default_of_its_own():
    assert Quick(key="a", since=1).labels is not Quick(key="a", since=1).labels


@pytest.mark.parametrize(
    "arguments", [{"key": "a"}, {"key": "a", "since": 1, "other": 2}], ids=["missing", "unknown"]
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(TypeError):
        Quick(**arguments)
    Quick(key="a", since=1)
    with pytest.raises(TypeError):  # once its __init__ is compiled as well
        Quick(**arguments)
    with pytest.raises(TypeError):
        Quick("a", since=1)


@pytest.mark.parametrize("frozen", [Quick(key="a", since=1), Point(1), Counted(key="a", since=1)])
def test_it_cannot_be_changed(frozen):
    name = dataclasses.fields(frozen)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(frozen, name, "b")
    with pytest.raises(FrozenInstanceError):
        delattr(frozen, name)
    with pytest.raises(FrozenInstanceError):
        frozen.other = 1


def test_frozen_ones_are_keys_by_their_values_and_others_are_none():
    assert {Point(1, 2): "here"}[Point(1, 2)] == "here"
    assert {Alone("a"), Alone("a")} == {Alone("a")}
    assert Alone("a") != "a"
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter(name="a"))
    assert len({Handle("a"), Handle("a")}) == 2


def test_one_that_is_not_frozen_can_be_changed():
    counter = Counter(name="a")
    counter.seen.append(1)
    counter.total += 1
    assert (counter.seen, counter.total, Counter(name="a").seen) == ([1], 1, [])
    assert repr(counter) == "Counter(name='a', seen=[1], total=1)"
    with pytest.raises(AttributeError):
        counter.other = 1
    with pytest.raises(TypeError):
        Counter(name="a", total=1)


def test_a_subclass_has_the_fields_of_both():
    counted = Counted(key="a", since=1, number=2)
    assert (counted.key, counted.number) == ("a", 2)
    assert counted != Quick(key="a", since=1)
    assert replace(counted, key="b") == Counted(key="b", since=1, number=2)


def test_what_a_class_defines_itself_stays():
    assert Checked(low=1) == Checked(low=11, high=20)
    assert hash(Checked(low=1)) == 7
    assert repr(Checked(low=1)) == "Checked(low=1)"
    with pytest.raises(ValueError, match="12"):
        Checked(low=12)


def pickled(noun):
    return pickle.loads(pickle.dumps(noun))  # noqa: S301  # our own


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("noun", [Quick(key="a", since=1, parts=(2,)), Point(1, 2), Handle("a")])
def test_it_can_be_copied(noun, copied):
    copied = copied(noun)
    assert type(copied) is type(noun)
    assert dataclasses.asdict(copied) == dataclasses.asdict(noun)


def test_it_is_replaced_stored_and_loaded_as_any_dataclass():
    quick = replace(Quick(key="a", since=1), parts=(1, 2))
    assert quick == Quick(key="a", since=1, parts=(1, 2))
    assert msgspec.json.decode(msgspec.json.encode(quick), type=Quick) == quick


def test_what_is_only_loaded_compiles_no_init():
    @dataclass(frozen=True, slots=True)
    class Stored:
        key: str

    in_waiting = Stored.__init__
    assert msgspec.json.decode(b'{"key": "a"}', type=Stored).key == "a"
    assert Stored.__init__ is in_waiting
    assert Stored("a") == Stored("a")
    assert Stored.__init__ is not in_waiting
