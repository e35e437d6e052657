"""The atlas says where on the site a thing is: the page and the anchor of a name, of a test, of a demo."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path

from scratchvae.site.sources import demo_files, module_files, test_files


@dataclass(frozen=True)
class Module:
    """A file of Python: its text, its tree, where each of its own names is defined, and what it imports.

    `defined` has the names of functions, classes, methods as `Class.method`, and of values, each with its
    statement. `imported` has each name that the file imports, with the whole name that it stands for.
    """

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def defined(self) -> dict[str, ast.stmt]:
        found: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            found |= dict.fromkeys(_names_of(node), node)
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{name}": inner for inner in node.body for name in _names_of(inner)}
        return found

    @cached_property
    def imported(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {alias.asname: alias.name for alias in node.names if alias.asname}
        return found


@dataclass
class Atlas:
    """The atlas knows the pages of all names, so that every maker of pages can link to them.

        atlas.href("scratchvae.distributions.gaussian.kl_to_standard")
        atlas.href("scratchvae.ops.relu")      the place of its definition, in ops/activations.py
        atlas.test("test_gradients")     or "test_structure::test_a_pullback_is_defined_last"
        atlas.demo("03_vae")                                  its page in the course
        atlas.link("scratchvae.ops.relu")                     <a href="…"><code>ops.relu</code></a>

    Each raises KeyError for what does not exist, so that no page of a built site leads nowhere.
    """

    modules: dict[str, Module] = field(
        default_factory=lambda: {n: Module(n, p) for n, p in module_files().items()}
    )
    tests: dict[str, Module] = field(
        default_factory=lambda: {n: Module(n, p) for n, p in test_files().items()}
    )
    demos: dict[str, Path] = field(default_factory=demo_files)

    def where(self, name: str) -> tuple[str, str]:
        """Return the module that defines a whole name, and the name inside it.

        The name inside is "" for the module itself. Imports are followed.
        """
        if name in self.modules:
            return name, ""
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module, rest = self.modules.get(".".join(parts[:cut])), parts[cut:]
            if module is None:
                continue
            if ".".join(rest) in module.defined:
                return module.name, ".".join(rest)
            if rest[0] in module.imported and module.imported[rest[0]] != name:
                return self.where(".".join((module.imported[rest[0]], *rest[1:])))
            break
        raise KeyError(f"site: there is no {name} in the package")

    def href(self, name: str) -> str:
        """Return the link to a name's line, for the body of a page."""
        module, inside = self.where(name)
        compiled = ".compiled." in module and module.replace(".compiled.", ".textbook.") in self.modules
        page = page_of(module.replace(".compiled.", ".textbook.") if compiled else module)
        return f"/{page}" + (f"#{self._anchor(module, inside, compiled)}" if inside else "")

    def _anchor(self, module: str, inside: str, compiled: bool) -> str:
        """Return the anchor: the name of a function, class or method, or the line of a value."""
        node = self.modules[module].defined[inside]
        named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if compiled:
            return f"compiled.{inside}" if named else f"C{node.lineno}"
        return inside if named else f"L{node.lineno}"

    def link(self, name: str, text: str | None = None) -> str:
        """Return the link as an element, which shows the name without the package's own."""
        shown = name.removeprefix("scratchvae.") if text is None else text
        return f'<a class="name" href="{self.href(name)}"><code>{escape(shown)}</code></a>'

    def test(self, name: str) -> str:
        """Return the link to a file of tests, or to one test of it."""
        file, _, inside = name.partition("::")
        if inside and inside not in self.tests[file].defined:
            raise KeyError(f"site: there is no test {name}")
        return f"/tests/{self.tests[file].name}.html" + (f"#{inside}" if inside else "")

    def demo(self, name: str) -> str:
        """Return the link to a demo's page in the course."""
        return f"/course/{self.demos[name].stem}.html"


def page_of(module: str) -> str:
    """Return the path of a module's page."""
    return f"source/{module}.html"


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [one.id for one in flat if isinstance(one, ast.Name)]
