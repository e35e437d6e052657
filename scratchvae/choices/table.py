"""Tables of builders by name, from which a user chooses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import Parameter, getdoc, signature
from typing import Any, get_type_hints

from scratchvae.arrays import InputError, nearest
from scratchvae.choices.grammar import Choice, parse, shortened, written
from scratchvae.choices.values import Kinds, fitted, replaced


class Table(Mapping[str, Callable[..., Any]]):
    """The builders of one kind, each by its name: classes, or functions that return what is built.

    A choice is compared with the signature and the types of its builder, and the builder checks bounds. The
    program fills in the parameters named in `given`, which are not for the user to choose. `inner` says which
    table a value is chosen from, by the type of its parameter: {Penalty: PENALTIES}.
    """

    def __init__(
        self,
        kind: str,
        rows: Mapping[str, Callable[..., Any]],
        *,
        given: Sequence[str] = (),
        inner: Kinds | None = None,
    ) -> None:
        self.kind, self.rows, self.given, self.inner = kind, dict(rows), frozenset(given), dict(inner or {})

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return self.rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def parameters(self, name: str) -> dict[str, Parameter]:
        """The parameters of that row that a user may set, each annotated with its type."""
        builder = self.rows[name]
        hints = get_type_hints(getattr(builder, "__init__") if isinstance(builder, type) else builder)  # noqa: B009
        return {
            p.name: p.replace(annotation=hints[p.name])
            for p in signature(builder).parameters.values()
            if p.name not in self.given
        }

    def settle(self, chosen: str | Choice) -> Choice:
        """The choice with each value under the name of its parameter, and of its type.

        InputError where it does not fit.
        """
        if not isinstance(chosen, str | Choice):
            raise InputError(
                f"{self.kind} should be a name, such as {next(iter(self.rows))!r}; found {chosen!r:.80}"
            )
        choice = parse(chosen, self.kind) if isinstance(chosen, str) else chosen
        if choice.name not in self.rows:
            expected = f"{self.kind} should be one of {', '.join(sorted(self.rows))}"
            raise InputError(f"{expected}; found {shortened(choice.name)}{nearest(choice.name, self.rows)}")
        parameters, where = self.parameters(choice.name), f"{self.kind} {choice.name}"
        ordered = [name for name, p in parameters.items() if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        if len(choice.positions) > len(ordered):
            raise InputError(
                f"{where} takes {len(ordered)} values without their names, found {len(choice.positions)}"
            )
        values = dict(zip(ordered, choice.positions, strict=False))
        for name, value in choice.keywords.items():
            if name in values:
                raise InputError(
                    f"{where}: {name} should be given once, found it by its place and by its name"
                )
            if name not in parameters:
                raise InputError(self._lacking(choice.name, name, parameters))
            values[name] = value
        kept = {
            name: fitted(where, name, value, parameters[name].annotation, self.inner)
            for name, value in values.items()
        }
        return Choice(choice.name, kept)

    def build(self, chosen: str | Choice, **context: Any) -> Any:
        """The object that the chosen row builds, with the parameters that `given` names from `context`.

        InputError where it can't be built.
        """
        choice = self.settle(chosen)
        parameters, where = self.parameters(choice.name), f"{self.kind} {choice.name}"
        for name, parameter in parameters.items():
            if parameter.default is Parameter.empty and name not in choice.keywords:
                raise InputError(
                    f"{where} should be given a value for {name}, as in {choice.name}({name}=…); found none"
                )

        def build_inner(table: Table | None, inner: Choice) -> Any:
            return table.build(inner, **context) if table else str(inner)

        arguments = {
            n: context[n]
            for n in signature(self.rows[choice.name]).parameters
            if n in self.given and n in context
        }
        for name, value in choice.keywords.items():
            arguments[name] = replaced(value, parameters[name].annotation, self.inner, build_inner)
        try:
            return self.rows[choice.name](**arguments)
        except InputError:
            raise
        except (TypeError, ValueError, ArithmeticError, MemoryError) as error:
            raise InputError(
                f"{where} can't be built from {shortened(choice)}: {' '.join(str(error).split())}"
            ) from error

    def listing(self) -> str:
        """Each row with its parameters, their defaults, and the first line of its docstring."""
        lines = []
        for name, builder in self.rows.items():
            values = [
                f"{p.name}=…" if p.default is Parameter.empty else f"{p.name}={written(p.default)}"
                for p in self.parameters(name).values()
            ]
            # the source follows five spaces
            said = (getdoc(builder) or "").partition("\n")[0].partition("     ")[0]
            lines += [f"  {name}({', '.join(values)})" if values else f"  {name}", f"      {said}"]
        return "\n".join(lines)

    def _lacking(self, row: str, name: str, parameters: Mapping[str, Parameter]) -> str:
        others = [other for other in self.rows if name in self.parameters(other)]
        elsewhere = f", which {' and '.join(others)} {'have' if len(others) > 1 else 'has'}" if others else ""
        has = f"it has {', '.join(parameters)}" if parameters else "it has none"
        return (
            f"{self.kind} {row} has no {shortened(name)[1:-1]}{elsewhere or nearest(name, parameters)}: {has}"
        )


def joined(table: Table, choice: Choice, values: Mapping[str, Any], spelling: Callable[[str], str]) -> Choice:
    """The choice with these values added.

    InputError, which calls a value by its `spelling`, for one that is set already.
    """
    for name in values:
        if name in choice.keywords:
            found = f"found {spelling(name)} beside {shortened(choice)}"
            raise InputError(f"{table.kind}: {name} should be given once, {found}")
    return replace(choice, keywords={**choice.keywords, **values})
