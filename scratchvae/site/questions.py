"""The pages of the questions."""

from collections.abc import Iterator

from scratchvae.site.answers import ANSWERS, Answer
from scratchvae.site.atlas import Atlas
from scratchvae.site.listing import code, definition
from scratchvae.site.page import Page
from scratchvae.site.prose import with_equations
from scratchvae.site.resolution import Uses
from scratchvae.site.widgets import STYLE, equation, proofs

SECTION = "Questions"


def pages(atlas: Atlas) -> Iterator[Page]:
    """Yield the list, and then a page for each question."""
    cards = "".join(
        '<div class="card"><h2><a '
        f'href="/questions/{a.name}.html">{a.question}</a></h2><p>{with_equations(a.short)}</p></div>'
        for a in ANSWERS
    )
    yield Page(
        "questions/index.html",
        "Questions",
        SECTION,
        f'<div class="cards">{cards}</div>',
        summary="eight questions, answered",
    )
    uses = Uses(atlas)
    for answer in ANSWERS:
        yield _page(atlas, uses, answer)


def _page(atlas: Atlas, uses: Uses, answer: Answer) -> Page:
    lines = "".join(code(definition(function, atlas, uses)) for function in answer.code)
    onward = "".join(f'<li><a href="{path}">{words}</a></li>' for path, words in answer.onward.items())
    body = f"""{STYLE}<p class="lead">{with_equations(answer.short)}</p>
{"".join(map(equation, answer.equations))}
{"".join(f"<p>{with_equations(line)}</p>" for line in answer.why)}
<h2>The numbers</h2>{answer.table()}
<h2>The lines</h2>{lines}{proofs(atlas, answer.proved)}
<section><h2>Go on</h2><ul>{onward}</ul></section>"""
    return Page(f"questions/{answer.name}.html", answer.question, SECTION, body, summary=answer.short)
