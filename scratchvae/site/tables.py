"""Below a function stand the numbers of its cases, its certified errors, and links to tests and demos."""

from __future__ import annotations

import ast
from html import escape

import numpy as np

from scratchvae.arrays import Array
from scratchvae.site.atlas import Atlas
from scratchvae.site.numbers import Cases, Numbers, certified
from scratchvae.site.resolution import Uses

SHOWN = 3  # so many cases of a function are shown; the table of all cases has the others
MISTAKES = {  # the page of the mistakes that people make in place of a function of that name
    "reparameterize": "sampling",
    "log_prob_of_draw": "weights",
    "kl_to_standard": "kl",
    "kl_to_standard_by_dimension": "kl",
    "kl": "kl",
    "kl_by_dimension": "kl",
    "log_prob": "reconstruction",
    "Elbo": "loss",
    "Iwae": "weights",
    "Bernoulli": "reconstruction",
    "Gaussian": "sigma",
    "DiagonalGaussian": "sampling",
}


def proofs(atlas: Atlas, uses: Uses, cases: Cases, whole: str, node: ast.AST | None) -> str:
    """Return everything below the function or class of that whole name, or "" where it has nothing."""
    kind = "function" if isinstance(node, ast.FunctionDef) else "class"
    found = [] if whole.count(".") > 3 else cases.of(whole, kind)
    tables = "".join(table(cases.numbers(case.name)) for case in found[:SHOWN])
    if len(found) > SHOWN:
        tables += (
            f'<p><a href="/reference/cases.html">{len(found) - SHOWN} more in the table of cases</a></p>'
        )
    tables += _certificate(cases, whole)
    ways = _ways(atlas, uses, whole)
    if not tables and not ways:
        return ""
    heading = "<h3>Its numbers</h3>" if tables else ""
    return f'<div class="proofs">{heading}{tables}{ways}</div>'


def table(numbers: Numbers) -> str:
    """Return the table of a case: input, gradient, finite difference and their difference at some entries."""
    rows = "".join(
        f'<tr><td><code>{escape(e.argument)}{_at(e.index)}</code></td><td class="number">{_number(e.x)}</td>'
        f'<td class="number">{_number(e.gradient)}</td><td class="number">{_number(e.difference)}</td>'
        f'<td class="number">{abs(e.gradient - e.difference):.1e}</td></tr>'
        for e in numbers.entries
    )
    constants = ", ".join(f"{name} = {_constant(value)}" for name, value in numbers.case.constants.items())
    given = f" with {escape(constants)}" if constants else ""
    value = f"value {_several(numbers.value)}; the pullback is given {_several(numbers.given)}"
    heads = "".join(
        f'<th scope="col" class="number">{head}</th>'
        for head in ("input", "our gradient", "finite difference", "their difference")
    )
    return (
        '<div class="scroll"><table class="numbers">'
        f"<caption><strong>{escape(numbers.case.name)}</strong>{given}: {value}</caption>"
        f'<thead><tr><th scope="col">entry</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _certificate(cases: Cases, whole: str) -> str:
    rows = [
        (trial, errors)
        for part in cases.parts.get(whole, [])
        for trial, errors in certified().items()
        if trial.rpartition(": ")[0] == part or trial.startswith(f"{part}: ")
    ]
    if not rows:
        return ""
    worst = {
        dtype: max(max(errors[dtype]) for _, errors in rows if dtype in errors)
        for dtype in ("float64", "float32")
    }
    told = ", ".join(f"{error:.1e} in {dtype}" for dtype, error in worst.items())
    inputs = f"{len(rows)} kind{'s' if len(rows) > 1 else ''} of input"
    named = '<a href="/reference/certificate.html">certificate</a>'
    return (
        f'<p class="certified">Beside mpmath, on {inputs} of the {named}, the worst relative error is '
        f"{told}.</p>"
    )


def _ways(atlas: Atlas, uses: Uses, whole: str) -> str:
    tests, demos = uses.tests.get(whole, []), uses.demos.get(whole, [])
    parts = []
    if tests:
        shown = ", ".join(
            f'<a href="{atlas.test(test)}">{test.rpartition("::")[2]}</a>' for test in tests[:6]
        )
        more = f" and {len(tests) - 6} more" if len(tests) > 6 else ""
        parts.append(f"<li>Tests: {shown}{more}</li>")
    if mistakes := MISTAKES.get(whole.rpartition(".")[2]):
        parts.append(f'<li>Mistakes: <a href="/mistakes/{mistakes}.html">{mistakes}</a></li>')
    if demos:
        shown = ", ".join(f'<a href="{atlas.demo(demo)}">{demo}</a>' for demo in demos)
        parts.append(f"<li>Demos: {shown}</li>")
    return f'<ul class="ways">{"".join(parts)}</ul>' if parts else ""


def _at(index: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, index))}]" if index else ""


def _number(x: float) -> str:
    return f"{x:.10g}".replace("-", "−") if np.isfinite(x) else str(x)


def _several(array: Array) -> str:
    """Return the shape, and the first numbers."""
    flat = np.asarray(array).reshape(-1)
    shown = ", ".join(f"{x:.4g}".replace("-", "−") for x in flat[:4])
    shape = f"({', '.join(map(str, array.shape))}{',' if array.ndim == 1 else ''}) " if array.ndim else ""
    return f"{shape}{shown}{', …' if flat.size > 4 else ''}"


def _constant(value: object) -> str:
    return f"an array {value.shape}" if isinstance(value, np.ndarray) else str(value)[:60]
