"""The environment's variables: which of them the package reads or sets, and what its texts say of each."""

import ast
import re
from collections.abc import Iterator

from scratchvae.site.atlas import Atlas, Module
from scratchvae.site.prose import inline
from scratchvae.site.texts import FILES, text_of

NAME = r"\b(?:SCRATCHVAE|NUMBA|OPENBLAS|OMP|MKL|NPY)_[A-Z_]+\b"
SENTENCES = 3  # so many sentences are shown for a variable, at most


def table(atlas: Atlas) -> str:
    """Make the table of every variable whose name is a text of the package, or stands in a sentence of it."""
    users: dict[str, dict[str, Module]] = {}
    for module in atlas.modules.values():
        if module.name.startswith("scratchvae.site"):
            continue  # the site sets variables for the demos that it runs
        for node in module.nodes:
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.fullmatch(NAME, node.value)
            ):
                users.setdefault(node.value, {})[module.name] = module
    said = sentences(atlas)
    rows = "".join(
        f'<tr id="{name}"><td><code>{name}</code></td>'
        f"<td>{' '.join(map(_told, said.get(name) or _first(users[name])))}</td>"
        f"<td>{', '.join(atlas.link(module) for module in users.get(name, ()))}</td></tr>"
        for name in sorted({*users, *said})
    )
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("variable", "what the texts say of it", "read or set by")
    )
    made = f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table class="names">{made}</table></div>'


def _first(users: dict[str, Module]) -> list[str]:
    """Return the first sentences of the modules that use a variable of which no text speaks."""
    docs = [" ".join((ast.get_docstring(module.tree) or "").split()) for module in users.values()]
    return [doc.partition(". ")[0].rstrip(".") + "." for doc in docs if doc]


def sentences(atlas: Atlas) -> dict[str, list[str]]:
    """Return, for each variable, the sentences with its name.

    Those of the pages in Markdown come first, and those of docstrings follow.
    """
    found: dict[str, list[str]] = {}
    for paragraph in _paragraphs(atlas):
        for sentence in re.split(r"(?<=[.!?:])\s+(?=[A-Z`$])", " ".join(paragraph.split())):
            for name in dict.fromkeys(re.findall(NAME, sentence)):
                if sentence.endswith((".", ":")) and sentence not in found.setdefault(name, []):
                    found[name].append(sentence)
    return {name: those[:SENTENCES] for name, those in found.items() if those}


def _paragraphs(atlas: Atlas) -> Iterator[str]:
    for name in FILES:
        for block in re.split(
            r"\n\s*\n|\n(?=[-|#] ?)", re.sub(r"```.*?```", "", text_of(name), flags=re.DOTALL)
        ):
            if not block.startswith("|"):
                yield block.lstrip("-# ")
    for module in atlas.modules.values():
        for node in module.nodes:
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
                for block in re.split(r"\n\s*\n", ast.get_docstring(node) or ""):
                    yield "\n".join(line for line in block.splitlines() if not line.startswith("    "))


def _told(sentence: str) -> str:
    bare = re.sub(
        r"\[([^\]]*)\]\([^)]*\)", r"\1", sentence.removesuffix(":") + ("." if sentence.endswith(":") else "")
    )
    return inline(re.sub(r"(?<![`\w])\$?(" + NAME + r")(?![`\w=])", r"`\1`", bare), (), lambda _: None)
