"""The annotated source has a page for each module, with mathematics on the left and its code on the right."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape

from scratchvae.site.atlas import Atlas, Module, page_of
from scratchvae.site.docstrings import blocks
from scratchvae.site.listing import code, lines_of
from scratchvae.site.numbers import Cases, the_cases
from scratchvae.site.page import Page
from scratchvae.site.resolution import Uses
from scratchvae.site.rows import rows_of, without_docstring
from scratchvae.site.tables import proofs
from scratchvae.site.words import names_in

SECTION = "Source"
ORDER = [  # the order of the rooms: from the ground up
    *(
        "ops",
        "distributions",
        "layers",
        "kernels",
        "flows",
        "posteriors",
        "likelihoods",
        "priors",
        "objectives",
        "models",
    ),
    *(
        "evaluation",
        "training",
        "networks",
        "recipes",
        "checks",
        "reference",
        "data",
        "plots",
        "runs",
        "bench",
        "commands",
        "site",
    ),
]


@dataclass
class Book:
    """What all pages of the source are made from: the atlas, the uses of names, and the cases."""

    atlas: Atlas
    uses: Uses = field(init=False)
    cases: Cases = field(default_factory=the_cases)

    def __post_init__(self) -> None:
        self.uses = Uses(self.atlas)


def pages(atlas: Atlas) -> Iterator[Page]:
    """Yield the overview of the rooms, then a page for every module, and then one for every file of tests."""
    book = Book(atlas)
    yield _overview(atlas)
    for module in in_order(atlas):
        yield page(book, module)
    for module in atlas.tests.values():
        lines = lines_of(module, atlas, book.uses)
        for name, node in module.defined.items():
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and "." not in name:
                begun, line = lines[node.lineno - 1].split(">", 1)
                lines[node.lineno - 1] = f'{begun}><span id="{name}"></span>{line}'
        doc = blocks(ast.get_docstring(module.tree) or "", names_in(module), link_from(atlas, module))
        yield Page(f"tests/{module.name}.html", module.name, "Tests", doc + code(lines), wide=True)


def _with_code(words: str) -> str:
    """Return words as HTML, with code where backticks stand around it."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(words))


def in_order(atlas: Atlas) -> list[Module]:
    """Sort the modules by room, from the ground up; a compiled twin is on its textbook twin's page."""
    shown = [module for name, module in atlas.modules.items() if twin_of(atlas, name) is None]
    return sorted(
        shown, key=lambda module: (ORDER.index(_room(module)) if _room(module) in ORDER else -1, module.name)
    )


def twin_of(atlas: Atlas, name: str) -> str | None:
    """Return the textbook twin of a compiled kernel's module, or None."""
    twin = name.replace(".compiled.", ".textbook.")
    return twin if twin != name and twin in atlas.modules else None


def page(book: Book, module: Module) -> Page:
    """Make the page of one module."""
    compiled = (
        book.atlas.modules.get(module.name.replace(".textbook.", ".compiled."))
        if ".textbook." in module.name
        else None
    )
    link = link_from(book.atlas, module)
    names = names_in(module)
    lines = lines_of(module, book.atlas, book.uses)
    other = {} if compiled is None else _listings(book, compiled)
    made, seen = [], set()
    for row in rows_of(module):
        doc = (
            ast.get_docstring(row.node)
            if isinstance(row.node, ast.Module | ast.FunctionDef | ast.ClassDef)
            else None
        )
        left = blocks(doc, names, link) if doc else ""
        heading = (
            f'<h2><a href="#{row.name}">{escape(row.name.rpartition(".")[2])}</a></h2>' if row.name else ""
        )
        right = code(without_docstring(lines, row))
        if row.name in other:
            right = _tabs(row.name, right, other.pop(row.name))
        whole = f"{module.name}.{row.name}"
        below = (
            proofs(book.atlas, book.uses, book.cases, whole, row.node)
            if row.name and "._" not in f".{row.name}"
            else ""
        )
        anchor = (
            f' id="{row.name}"' if row.name and row.name not in seen else ""
        )  # a property and its setter have one name
        seen.add(row.name)
        made.append(
            f'<section class="row"{anchor} data-later><div class="doc">{heading}{left}</div>'
            f'<div class="source">{right}</div>{below}</section>'
        )
    if other:
        made.append("<h2>Only in the compiled twin</h2>")
        made += [
            '<section class="row" data-later><div class="doc"></div><div '
            f'class="source">{listing}</div></section>'
            for listing in other.values()
        ]
    room = _room(module)
    title = module.name.removeprefix("scratchvae.")
    return Page(
        page_of(module.name), title, SECTION, "".join(made), group=room, wide=True, summary=first_line(module)
    )


def _listings(book: Book, compiled: Module) -> dict[str, str]:
    lines = lines_of(compiled, book.atlas, book.uses, prefix="C")
    found = {}
    for row in rows_of(compiled):
        listing = code(without_docstring(lines, row))
        found[row.name or f"C{row.first}"] = (
            f'<div id="compiled.{row.name}">{listing}</div>' if row.name else listing
        )
    return found


def _tabs(name: str, textbook: str, compiled: str) -> str:
    one, two = f"textbook-of-{name}", f"compiled-of-{name}"
    return f"""<div class="tabs"><div role="tablist" aria-label="Twins of {name}">
<button role="tab" id="tab-{one}" aria-controls="{one}" aria-selected="true">textbook</button>
<button role="tab" id="tab-{two}" aria-controls="{two}" aria-selected="false"
tabindex="-1">compiled</button></div>
<div role="tabpanel" id="{one}" aria-labelledby="tab-{one}">{textbook}</div>
<div role="tabpanel" id="{two}" aria-labelledby="tab-{two}" hidden>{compiled}</div></div>"""


def link_from(atlas: Atlas, module: Module) -> Callable[[str], str | None]:
    """Return a function that finds where a piece of code in a docstring of `module` leads.

    It leads to a name of the module, of what the module imports, or of a room.
    """

    def link(text: str) -> str | None:
        if not re.fullmatch(r"[A-Za-z_][\w.]*", text):
            return None
        for start in (f"{module.name}.", f"{module.name.rpartition('.')[0]}.", "scratchvae."):
            try:
                return atlas.href(start + text)
            except KeyError:
                continue
        return None

    return link


def _overview(atlas: Atlas) -> Page:
    rooms: dict[str, list[Module]] = {}
    for module in in_order(atlas):
        rooms.setdefault(_room(module), []).append(module)
    parts = []
    for room, modules in rooms.items():
        rows = "".join(
            f'<tr><td><a href="/{page_of(m.name)}"><code>{m.name.removeprefix("scratchvae.")}</code></a></td>'
            f"<td>{_with_code(first_line(m))}</td></tr>"
            for m in modules
        )
        listed = f'<table class="names"><tbody>{rows}</tbody></table>'
        parts.append(f'<h2 id="{room}">{room}</h2><div class="scroll">{listed}</div>')
    lead = (
        "Every file of the package: equations on the left, the code that computes them on the right, numbers "
        "below."
    )
    return Page(
        "source/index.html",
        "Source",
        SECTION,
        f'<p class="lead">{lead}</p>{"".join(parts)}',
        group="all rooms",
        summary=lead,
    )


def first_line(module: Module) -> str:
    """Return the first sentence of a module's docstring."""
    return (ast.get_docstring(module.tree) or "").partition("\n")[0]


def _room(module: Module) -> str:
    parts = module.name.split(".")
    return (
        parts[1]
        if len(parts) > 2 or (module.path.name == "__init__.py" and len(parts) == 2)
        else "the ground"
    )
