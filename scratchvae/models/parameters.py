"""The parameters of a model's constructor, by scikit-learn's get_params, set_params, clone and repr."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from html import escape
from inspect import Parameter, signature
from typing import Any, Self

from scratchvae.arrays import InputError

LONGEST = 300  # characters of a parameter in a repr


class Parametrized:
    """A model whose constructor keeps every parameter as it was given, and under its own name.

    `fit` validates them.
    """

    _html_below: Callable[[], str]  # the HTML that follows the parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters by name.

        None of them holds parameters of its own, and so `deep` changes nothing.
        """
        return {name: getattr(self, name) for name in _parameters(type(self))}

    def set_params(self, **params: Any) -> Self:
        """Replace some of the constructor's parameters. They count from the next `fit` on.

        InputError for other names.
        """
        known = _parameters(type(self))
        for name in params:
            if name not in known:
                raise InputError(
                    f"{type(self).__name__}: a parameter should be one of {', '.join(known)}; found {name!r:.80}"
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_clone__(self) -> Self:
        """A model with copies of the same parameters that is not fitted.

        Parts that share a network share its copy.
        """
        copied = type(self)(**deepcopy(self.get_params(deep=False)))
        for kept in ("_metadata_request", "_sklearn_output_config"):
            if kept in vars(self):
                setattr(copied, kept, deepcopy(getattr(self, kept)))
        if "_skl_callbacks" in vars(self):  # scikit-learn passes these on without copying
            copied._skl_callbacks = self._skl_callbacks  # type: ignore[attr-defined]
        return copied

    def __repr__(self) -> str:
        named = (f"{name}={_shortened(value)}" for name, value in self._changed().items())
        return f"{type(self).__name__}({', '.join(named)})"

    def _repr_html_(self) -> str:
        """The repr as HTML: a table of every parameter that can be opened.

        Parameters that differ from their defaults are bold.
        """
        changed = self._changed()
        rows = []
        for name, value in self.get_params().items():
            cell = f"<b>{escape(name)}</b>" if name in changed else escape(name)
            rows.append(f"<tr><td>{cell}</td><td><code>{escape(_shortened(value))}</code></td></tr>")
        title = f"<summary><code>{escape(repr(self))}</code></summary>"
        return f"<details>{title}<table>{''.join(rows)}</table></details>{self._html_below()}"

    def _changed(self) -> dict[str, Any]:
        """The parameters that differ from their defaults."""
        defaults, given = _parameters(type(self)), self.get_params(deep=False)
        return {name: value for name, value in given.items() if not _same(value, defaults[name].default)}


def _parameters(kind: type) -> dict[str, Parameter]:
    """The constructor's parameters, without self."""
    return dict(signature(kind).parameters)


def _same(value: Any, default: Any) -> bool:
    return value is default or (
        type(value) is type(default) and isinstance(value, str | int | float | tuple) and value == default
    )


def _shortened(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
