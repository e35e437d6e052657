"""Resolution finds which names of the package a piece of Python uses, and where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from scratchvae.site.atlas import Atlas, Module


def uses(atlas: Atlas, module: Module) -> Iterator[tuple[ast.expr, str]]:
    """Yield every name or attribute in a file that leads to something of the package, with its whole name.

    A name that a function of the file takes as an argument or assigns means that, and not what is imported.
    """
    for node, local in _with_locals(module.tree, frozenset()):
        whole = _whole(node, module, local)
        if whole is not None and whole.startswith("scratchvae."):
            try:
                owner, inside = atlas.where(whole)
            except KeyError:
                continue
            yield node, f"{owner}.{inside}" if inside else owner


def _with_locals(node: ast.AST, local: frozenset[str]) -> Iterator[tuple[ast.expr, frozenset[str]]]:
    """Yield every name and attribute, with what is local where it stands."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        inner = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        inner |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        local = local | inner
    if isinstance(node, ast.Name | ast.Attribute):
        yield node, local
    for child in ast.iter_child_nodes(node):
        yield from _with_locals(child, local)


def _whole(node: ast.expr, module: Module, local: frozenset[str]) -> str | None:
    if isinstance(node, ast.Name):
        if node.id in local:
            return None
        if node.id in module.imported:
            return module.imported[node.id]
        return f"{module.name}.{node.id}" if node.id in module.defined and "." in module.name else None
    if isinstance(node, ast.Attribute):
        before = _whole(node.value, module, local)
        return f"{before}.{node.attr}" if before else None
    return None


@dataclass
class Uses:
    """For every name of the package: the tests and the demos that use it, and what of the package does."""

    atlas: Atlas
    by_module: dict[str, list[tuple[ast.expr, str]]] = field(default_factory=dict)

    def of(self, module: Module) -> list[tuple[ast.expr, str]]:
        """Return `uses` of one file, found once."""
        if module.name not in self.by_module:
            self.by_module[module.name] = list(uses(self.atlas, module))
        return self.by_module[module.name]

    @cached_property
    def tests(self) -> dict[str, list[str]]:
        """The tests that use a name, "test_gradients::test_…", or their file where no test does."""
        return self._who(self.atlas.tests)

    @cached_property
    def demos(self) -> dict[str, list[str]]:
        """The demos that use a name."""
        demos = {stem: Module(stem, path) for stem, path in self.atlas.demos.items()}
        return {
            name: list(dict.fromkeys(user.partition("::")[0] for user in users))
            for name, users in self._who(demos).items()
        }

    def _who(self, modules: dict[str, Module]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for module in modules.values():
            spans = [
                (node.lineno, node.end_lineno or 0, name)
                for name, node in module.defined.items()
                if name.startswith("test_")
            ]
            for node, name in self.of(module):
                inside = next(
                    (f"::{test}" for first, last, test in spans if first <= node.lineno <= last), ""
                )
                users = found.setdefault(name, [])
                if (user := module.name + inside) not in users:
                    users.append(user)
        return found
