"""Play has pages with sliders, whose numbers are computed in the browser.

They come from trainings that were run when the site was built.
"""

from collections.abc import Iterator

from scratchvae.site.atlas import Atlas
from scratchvae.site.codes import latents, plane
from scratchvae.site.comparisons import annealing, rate, width
from scratchvae.site.laws import bound, divergence, logit, relaxation
from scratchvae.site.page import Page

SECTION = "Play"
MAKERS = (latents, plane, divergence, rate, width, annealing, relaxation, bound, logit)


def pages(atlas: Atlas) -> Iterator[Page]:
    """Yield the overview and the pages of Play."""
    made = [make(atlas) for make in MAKERS]
    cards = "".join(
        f'<div class="card"><h2><a href="/{page.path}">{page.title}</a></h2><p>{page.summary}</p></div>'
        for page in made
    )
    yield Page(
        "play/index.html",
        "Play",
        SECTION,
        f"""<p class="lead">Nine pages on which you move something and see a number change. The trainings
behind them were run by this library when the site was built, and every page names the functions that compute
in Python what it computes here.</p>
<div class="cards">{cards}</div>
<p>Every slider can be moved with the arrow keys, once Tab has brought you to it.</p>""",
        summary="sliders that move a trained model",
    )
    yield from made
