"""The page of the faults in single terms of a loss, by term, each with the sentence that mends it."""

from html import escape

from scratchvae.reference.terms import TERMS, Term
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.prose import with_equations
from scratchvae.site.widgets import link, proofs
from scratchvae.site.words import NAMES

TITLE = "Terms of the family"
PATH = "mistakes/terms.html"
SUMMARY = "An MMD, a total correlation, the norms of a quantization: what public code has in their place."
PROOFS = {
    "reference.diagnose_term": "names the fault",
    "tests/test_terms": "every fault is made, and is named; right terms are not accused",
    "tests/test_torch_terms": "the same with lines as PyTorch code has them",
}


def page(atlas: Atlas, section: str) -> Page:
    """Make the page: each term with its equation, its source, and a table of its faults."""
    parts = "".join(_shown(name, term) for name, term in TERMS.items())
    verb = link(atlas, "reference.diagnose_term")
    body = f"""<p class="lead">{SUMMARY}</p><p>{verb} takes the arrays that a term is computed from, your
value and your gradients. It names the fault that gives exactly your numbers.</p>
{parts}{proofs(atlas, PROOFS)}"""
    return Page(PATH, TITLE, section, body, summary=SUMMARY)


def _shape(letters: str) -> str:
    """Return "B Z" as (B, Z), and "B" as (B,)."""
    return f"({', '.join(letters.split())}{',' * (' ' not in letters)})"


def _shown(name: str, term: Term) -> str:
    names = NAMES | set(term.takes)
    rows = "".join(
        f'<tr id="{fault.name}"><td><code>{fault.name}</code></td>'
        f"<td>{with_equations(escape(fault.fix), names)}</td></tr>"
        for fault in term.faults
    )
    taken = ", ".join(f"<code>{array}</code> {_shape(shape)}" for array, shape in term.takes.items())
    heads = '<th scope="col">name</th><th scope="col">what it is, and the fix</th>'
    return f"""<section id="{name}"><h2>{name.replace("_", " ")}</h2>
<p>{with_equations(escape(term.says), names)}.</p>
<p>It is computed from {taken}. Source: {escape(term.source)}.</p>
<div class="scroll"><table class="names"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>
</section>"""
