"""The reference: every public name, the cases, the certificate, environment variables, results, and texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import escape
from importlib import import_module

from scratchvae.site import environment, reproductions, texts
from scratchvae.site.annotated import link_from
from scratchvae.site.atlas import Atlas
from scratchvae.site.numbers import Cases, certified, the_cases
from scratchvae.site.page import Page
from scratchvae.site.prose import inline
from scratchvae.site.tables import table
from scratchvae.site.words import names_in

SECTION = "Reference"
ROOMS = [
    "ops",
    "distributions",
    "layers",
    "flows",
    "posteriors",
    "likelihoods",
    "priors",
    "objectives",
    "evaluation",
    "training",
    "models",
    "networks",
    "recipes",
    "checks",
    "data",
    "plots",
    "kernels",
    "reference",
    "runs",
    "bench",
]


def pages(atlas: Atlas) -> Iterator[Page]:
    """Yield the pages of the reference, the index of names first."""
    cases = the_cases()
    yield Page(
        "reference/index.html", "Every public name", SECTION, _index(atlas), summary="what each room offers"
    )
    yield from _cases(atlas, cases)
    yield Page(
        "reference/certificate.html",
        "The certificate",
        SECTION,
        _certificate(),
        summary="values and gradients beside mpmath's",
    )
    yield Page(
        "reference/environment.html",
        "Environment variables and threads",
        SECTION,
        environment.table(atlas),
        summary="each variable, and what it does",
    )
    yield Page(
        "reference/results.html",
        "Results and reproductions",
        SECTION,
        reproductions.table(atlas),
        summary="each model that has a paper's name, and what the paper promises",
    )
    yield from texts.pages(SECTION)


def public(room: str) -> list[str]:
    """Return the list of names that a room offers."""
    return list(import_module(f"scratchvae.{room}").__all__)


def _index(atlas: Atlas) -> str:
    parts = []
    for room in ROOMS:
        rows = []
        for name in public(room):
            try:
                owner, inside = atlas.where(f"scratchvae.{room}.{name}")
            except KeyError:
                continue
            module = atlas.modules[owner]
            node = module.defined.get(inside, module.tree)
            doc = (
                ast.get_docstring(node)
                if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
                else ""
            )
            first = re.split(r"\n\s*\n|\s{4,}", doc or "")[0].replace("\n", " ")
            told = inline(first, names_in(module), link_from(atlas, module))
            rows.append(f"<tr><td>{atlas.link(f'scratchvae.{room}.{name}', name)}</td><td>{told}</td></tr>")
        made = f'<table class="names"><tbody>{"".join(rows)}</tbody></table>'
        body = f'<div class="scroll" data-later>{made}</div>'
        parts.append(f'<h2 id="{room}">{atlas.link(f"scratchvae.{room}", room)}</h2>{body}')
    return "".join(parts)


def _cases(atlas: Atlas, cases: Cases) -> Iterator[Page]:
    """Yield the list of all cases, and then their tables of numbers, a page for each 40 of them."""
    size = 40
    rows, parts = [], [cases.all[i : i + size] for i in range(0, len(cases.all), size)]
    for i, part in enumerate(parts):
        for case in part:
            whole = f"{case.op.__module__}.{case.op.__qualname__}"
            of = atlas.link(whole) if "<locals>" not in whole else ""
            shapes = ", ".join(f"{name} {array.shape}" for name, array in list(case.arrays.items())[:4])
            rows.append(
                f'<tr><td><a href="/reference/cases-{i + 1}.html#{_slug(case.name)}">'
                f"{escape(case.name)}</a></td>"
                f"<td>{of}</td>"
                f"<td>{escape(shapes)}</td></tr>"
            )
    heads = (
        "<thead><tr><th scope='col'>case</th><th scope='col'>of</th><th scope='col'>arrays</th></tr></thead>"
    )
    lead = (
        f"<p>{len(cases.all)} small inputs drive the checks of gradients, dtypes, twins and frameworks "
        "alike.</p>"
    )
    body = (
        f'{lead}<div class="scroll"><table class="names">{heads}<tbody>{"".join(rows)}</tbody></table></div>'
    )
    yield Page("reference/cases.html", "The table of cases", SECTION, body, group="Cases")
    for i, part in enumerate(parts):
        tables = "".join(
            f'<div id="{_slug(case.name)}">{table(cases.numbers(case.name))}</div>' for case in part
        )
        yield Page(
            f"reference/cases-{i + 1}.html",
            f"Cases {i * size + 1} to {i * size + len(part)}",
            SECTION,
            tables,
            group="Cases",
        )


def _certificate() -> str:
    rows = []
    for trial, errors in certified().items():
        cells = "".join(
            f'<td class="number">{errors[dtype][part]:.1e}</td>' if dtype in errors else "<td></td>"
            for dtype in ("float64", "float32")
            for part in (0, 1)
        )
        rows.append(f"<tr><td>{escape(trial)}</td>{cells}</tr>")
    heads = "".join(
        f'<th scope="col" class="number">{d}, {p}</th>'
        for d in ("float64", "float32")
        for p in ("value", "gradient")
    )
    lead = (
        "<p>Values and gradients were compared with mpmath's, at 60 digits and more, on ordinary and on "
        "extreme inputs. "
        "Each number is the largest error of an entry, relative to the true one. "
        "<code>scratchvae check --certify</code> makes them anew.</p>"
    )
    head = f'<thead><tr><th scope="col">function and inputs</th>{heads}</tr></thead>'
    return f'{lead}<div class="scroll"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-")
