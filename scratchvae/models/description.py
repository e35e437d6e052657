"""A model as arrays and plain objects that JSON can say, and a model of those again.

    {"objects": [{"class": "layers.Linear", "attributes": {"weight": {"parameter": "1.weight"}, …}}, …],
    "top": value}

    value  =  null | true | number | "text" | {"float": "Infinity"} | {"tuple": [value, …]} | {"list": [value, …]}
            | {"dict": {name: value}} | {"parameter": array} | {"buffer": array} | {"array": array} | {"strings": ["text", …]}
            | {"op": name} | {"schema": {"columns": […], "ignored": […]}} | {"object": place}

Nothing is pickled, and reading executes no code of the file. An object is of a public class of one of ROOMS.
An object that is held twice, such as the encoder of a VampPrior, is described once. A schema, which says what
the columns of a table are, is described as `TableSchema.to_entries` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from inspect import isabstract
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError
from scratchvae.data import TableSchema
from scratchvae.layers import Buffer, Parameter
from scratchvae.schema import NOT_FINITE

ROOMS = ("layers", "flows", "posteriors", "likelihoods", "priors", "objectives", "training", "models")
HOLDERS = {"parameter": Parameter, "buffer": Buffer}


class Description:
    """The `objects` that have been described so far, each once, and their `arrays` by name."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.objects: list[dict[str, Any]] = []
        self.arrays: dict[str, Array] = {}
        self._places: dict[int, dict[str, Any]] = {}

    def value(self, given: Any, name: str, leave_out: tuple[str, ...] = ()) -> Any:
        """The value that describes `given`, which is found under `name`.

        InputError for an object that can't be described.
        """
        if id(given) in self._places:
            return self._places[id(given)]
        if given is None or isinstance(given, bool | str):
            return given
        if isinstance(given, int | np.integer):
            return int(given)
        if isinstance(given, float | np.floating):
            number = float(given)
            words = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
            return number if math.isfinite(number) else {"float": words}
        if isinstance(given, tuple | list):
            kind = "tuple" if isinstance(given, tuple) else "list"
            return {kind: [self.value(part, f"{name}.{i}") for i, part in enumerate(given)]}
        if isinstance(given, Mapping):
            if not all(isinstance(key, str) for key in given):
                raise InputError(f"{self.where}: {name} should have texts as its keys; found {given!r:.80}")
            return {"dict": {key: self.value(part, f"{name}.{key}") for key, part in given.items()}}
        if isinstance(given, Parameter | Buffer):
            kind = "parameter" if isinstance(given, Parameter) else "buffer"
            self._places[id(given)] = {kind: self._array(given.value, name)}
            return self._places[id(given)]
        if isinstance(given, np.ndarray):
            strings = (
                given.dtype.kind in "OU" and given.ndim == 1 and all(isinstance(text, str) for text in given)
            )
            return {"strings": given.tolist()} if strings else {"array": self._array(given, name)}
        if getattr(given, "__name__", None) in ops.__all__ and getattr(ops, given.__name__) is given:
            return {"op": given.__name__}
        if isinstance(given, TableSchema):
            return {"schema": given.to_entries()}
        return self._object(given, name, leave_out)

    def _object(self, given: Any, name: str, leave_out: tuple[str, ...]) -> dict[str, Any]:
        known = class_name(type(given))
        if known is None:
            kinds = "numbers, texts, arrays, and objects of the library's own classes"
            found = f"found {given!r:.60}, a {type(given).__name__}"
            raise InputError(
                f"{self.where}: {name} should be made of {kinds}; {found}. state_dict keeps weights alone"
            )
        place = {"object": len(self.objects)}
        self._places[id(given)] = place
        attributes: dict[str, Any] = {}
        self.objects.append({"class": known, "attributes": attributes})
        for attribute, part in vars(given).items():
            if attribute not in leave_out:
                way = f"{name}.{attribute}" if name else attribute
                attributes[attribute] = self.value(part, way, leave_out)
        return place

    def _array(self, array: Array, name: str) -> str:
        if array.dtype.kind not in "biuf":
            raise InputError(f"{self.where}: {name} should be an array of numbers; found {array.dtype}")
        self.arrays[name] = np.ascontiguousarray(array)
        return name


class Reading:
    """The objects of a description, each made once.

    InputError for anything that is not as Description writes it.
    """

    def __init__(self, where: str, objects: list[Any], arrays: Mapping[str, Array]) -> None:
        self.where, self.arrays, self.unused = where, arrays, set(arrays)
        self.described = objects
        self._held: dict[str, Any] = {}
        self.made = [self._made(entry) for entry in objects]
        for one, entry in zip(self.made, objects, strict=True):
            vars(one).update({name: self.value(part) for name, part in entry["attributes"].items()})

    def value(self, given: Any) -> Any:
        """The object that a value describes."""
        if given is None or isinstance(given, bool | int | float | str):
            return given
        if isinstance(given, dict) and len(given) == 1:
            ((kind, part),) = given.items()
            if kind == "float" and isinstance(part, str) and part in NOT_FINITE:
                return NOT_FINITE[part]
            if kind in ("tuple", "list") and isinstance(part, list):
                return (tuple if kind == "tuple" else list)(self.value(one) for one in part)
            if kind == "dict" and isinstance(part, dict):
                return {name: self.value(one) for name, one in part.items()}
            if kind in ("parameter", "buffer", "array") and isinstance(part, str) and part in self.arrays:
                return self._of_array(kind, part)
            if kind == "strings" and isinstance(part, list) and all(isinstance(text, str) for text in part):
                return np.array(part, object)
            if kind == "op" and isinstance(part, str) and part in ops.__all__:
                return getattr(ops, part)
            if kind == "schema":
                return TableSchema.from_entries(part, self.where)
            if kind == "object" and isinstance(part, int) and 0 <= part < len(self.made):
                return self.made[part]
        raise self._damaged(f"an entry {given!r:.60}")

    def _of_array(self, kind: str, name: str) -> Any:
        self.unused.discard(name)
        if kind == "array":
            return self.arrays[name]
        return self._held.setdefault(name, HOLDERS[kind](self.arrays[name]))

    def _made(self, entry: Any) -> Any:
        """An object of the class that the entry names, without attributes as yet."""
        room, _, name = str(entry.get("class")).partition(".") if isinstance(entry, dict) else ("", "", "")
        if room in ROOMS and isinstance(entry.get("attributes"), dict):
            found = getattr(import_module(f"scratchvae.{room}"), name, None)
            if isinstance(found, type) and class_name(found) == f"{room}.{name}" and not isabstract(found):
                made: Any = found.__new__(found)  # type: ignore[call-overload]
                return made
        raise self._damaged(f"an object {entry!r:.60}")

    def _damaged(self, found: str) -> InputError:
        return InputError(
            f"{self.where} should be a saved model, whole and of this version; found {found} in it"
        )


def class_name(kind: type) -> str | None:
    """The room and the name of one of the library's public classes, and None for any other class."""
    _, _, room = kind.__module__.partition(".")
    room = room.partition(".")[0]
    if kind.__module__.startswith("scratchvae.") and room in ROOMS:
        public = import_module(f"scratchvae.{room}")
        if kind.__name__ in public.__all__ and getattr(public, kind.__name__) is kind:
            return f"{room}.{kind.__name__}"
    return None
