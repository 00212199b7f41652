"""The standard library's `dataclass` for Watcher's own classes, made in a tenth of the time.

The library writes six methods for each class and compiles each of them: a millisecond a class, and
a quarter of a start for the 250 classes of a daemon. Here the methods are functions that all
classes share, but for `__init__`: that one is compiled when the first object is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414  # what it is to a type checker
else:
    from dataclasses import dataclass as _dataclass

    def dataclass(
        *, frozen: bool = False, slots: bool = False, kw_only: bool = False, eq: bool = True
    ) -> Callable[[type], type]:
        """Make a dataclass. No order, no InitVar, and every class says its own options."""

        def make(plain: type) -> type:
            own = set(vars(plain))
            noun = _dataclass(plain, init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
            methods = {"__init__": _compile_at_first_use(noun, frozen=frozen), "__repr__": _repr}
            if eq:
                methods |= _comparison(noun, frozen=frozen)
            if frozen:
                methods |= {
                    "__setattr__": _refuse,
                    "__delattr__": _refuse,
                    "__getstate__": _state,
                    "__setstate__": _restore,
                }
            for name, method in methods.items():
                if name not in own or (name == "__hash__" and plain.__hash__ is None):
                    setattr(noun, name, method)
            return noun

        return make


def _compile_at_first_use(noun: type, *, frozen: bool) -> Callable[..., None]:
    def __init__(self: object, *args: object, **kwargs: object) -> None:  # noqa: N807
        compiled = _compile_init(noun, frozen=frozen)
        type.__setattr__(noun, "__init__", compiled)
        compiled(self, *args, **kwargs)

    return __init__


def _compile_init(noun: type, *, frozen: bool) -> Callable[..., None]:
    """Return the `__init__` of a dataclass.

    The library's sets each field of a frozen class through object.__setattr__. This one sets them
    while the new object is of a twin class, with the same slots, that is not frozen: a third of
    the time. Where the twin could not have the same slots, it does what the library does.
    """
    names: dict[str, Any] = {"noun": noun, "become": object.__setattr__, "unset": MISSING}
    has_twin = frozen and noun.__bases__ == (object,) and "__slots__" in vars(noun)
    put = "become(self, {0!r}, {1})" if frozen and not has_twin else "self.{0} = {1}"
    body = [
        put.format(part.name, _value(part, names))
        for part in fields(noun)
        if part.init or part.default is not MISSING or part.default_factory is not MISSING
    ]
    if has_twin:
        names["twin"] = type(noun.__name__, (), {"__slots__": vars(noun)["__slots__"]})
        body = ["become(self, '__class__', twin)", *body, "self.__class__ = noun"]
    if hasattr(noun, "__post_init__"):
        body.append("self.__post_init__()")
    source = f"def __init__({_parameters(noun)}):\n    " + "\n    ".join(body or ["pass"])
    exec(source, names)  # noqa: S102  # as dataclasses make theirs
    compiled: Callable[..., None] = names["__init__"]
    compiled.__qualname__ = f"{noun.__qualname__}.__init__"
    return compiled


def _parameters(noun: type) -> str:
    by_position, by_name = ["self"], list[str]()
    for part in fields(noun):
        if part.init:
            default = ""
            if part.default_factory is not MISSING:
                default = "=unset"
            elif part.default is not MISSING:
                default = f"=default_{part.name}"
            (by_name if part.kw_only else by_position).append(part.name + default)
    return ", ".join([*by_position, *(["*", *by_name] if by_name else [])])


def _value(part: Field[Any], names: dict[str, Any]) -> str:
    """Return the expression of a field's value; what it needs goes into `names`."""
    if part.default_factory is not MISSING:
        names[f"make_{part.name}"] = part.default_factory
        made = f"make_{part.name}()"
        return f"{made} if {part.name} is unset else {part.name}" if part.init else made
    names[f"default_{part.name}"] = part.default
    return part.name if part.init else f"default_{part.name}"


def _comparison(noun: type, *, frozen: bool) -> dict[str, Callable[..., Any] | None]:
    compared = [part.name for part in fields(noun) if part.compare]
    # One attribute alone comes without a tuple, which compares and hashes as well.
    values: Callable[[object], object] = attrgetter(*compared) if compared else _nothing

    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(values(self) == values(other))

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(values(self))

    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}


def _nothing(_: object) -> object:
    return ()


def _repr(self: object) -> str:
    shown = (f"{part.name}={getattr(self, part.name)!r}" for part in fields(self) if part.repr)  # type: ignore[arg-type]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot change {name} of a {type(self).__name__}")


def _state(self: object) -> list[object]:
    """Return what a copy needs, as frozen objects do not take it through setattr."""
    return [getattr(self, part.name) for part in fields(self)]  # type: ignore[arg-type]


def _restore(self: object, state: list[object]) -> None:
    for part, value in zip(fields(self), state, strict=True):  # type: ignore[arg-type]
        object.__setattr__(self, part.name, value)
