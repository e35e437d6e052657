"""The front page: what the site is, where to go, one formula with its line and numbers, eight questions."""

import re
from collections.abc import Iterator

import numpy as np

from scratchvae.distributions import gaussian
from scratchvae.site.answers import ANSWERS
from scratchvae.site.atlas import Atlas
from scratchvae.site.listing import code, definition
from scratchvae.site.number_table import central, table
from scratchvae.site.page import Page
from scratchvae.site.resolution import Uses
from scratchvae.site.widgets import STYLE, equation, link

SECTION = "Home"
FORMULA = (
    r"z=\mu+\sigma\,\varepsilon,\qquad\sigma=e^{\frac12\log\sigma^2},\qquad"
    r"\partial\log\sigma^2=\tfrac12\,\partial z\,\sigma\,\varepsilon"
)
MAP = {
    "/course/index.html": (
        "The course",
        "From the autoencoder to the whole family, as programs that print each number beside what it must "
        "be.",
    ),
    "/step.html": (
        "One step, walked",
        "Every array of a training step, on its way down and up, beside finite differences.",
    ),
    "/play/index.html": (
        "Play",
        "Nine pages with sliders: codes, a KL and its arrows, β, σ, a temperature, the bound.",
    ),
    "/try.html": (
        "Try it",
        "Lines of Python, and what they print. With Pyodide you can change and run them here.",
    ),
    "/mistakes/index.html": ("Mistakes", "Wrong lines beside right ones, and the report that finds them."),
    "/questions/index.html": ("Questions", "Eight questions of a student, answered with numbers."),
    "/source/index.html": (
        "The source",
        "Each module with its equations beside its lines, and the numbers of its cases below.",
    ),
    "/reference/index.html": ("Reference", "Every public name, every case, the certificate, and the texts."),
}


def pages(atlas: Atlas) -> Iterator[Page]:
    """Yield the front page."""
    places = "".join(
        f'<div class="card"><h3><a href="{path}">{title}</a></h3><p>{words}</p></div>'
        for path, (title, words) in MAP.items()
    )
    asked = "".join(
        f'<li><a href="/questions/{answer.name}.html">{answer.question}</a></li>' for answer in ANSWERS
    )
    body = f"""{STYLE}<p class="lead">A variational autoencoder learns to turn a picture into a few numbers,
and numbers back into pictures. This site
shows one from the inside: each formula, the line of code that computes it, the number that the line produced,
and a finite difference beside it.</p>
<p>It is made of the library scratchvae, in which every gradient is derived and written by hand in NumPy. All
numbers and pictures were
computed when the site was built. No page loads anything from the internet, unless you ask for Python on the
page <a href="/try.html">Try it</a>.</p>
<h2>One formula, its line, its numbers</h2>
{equation(FORMULA)}
{_lines(atlas)}
{_numbers()}
<p>This is {link(atlas, "distributions.gaussian.reparameterize")}, the step that lets gradients through a
random draw.</p>
<h2>Where to go</h2><div class="cards">{places}</div>
<h2>Eight questions</h2><ol class="questions">{asked}</ol>
<p>New to all this? Begin with <a href="/play/latent.html">eight numbers that make a digit</a>, then read <a
href="/course/02_autoencoder.html">the
autoencoder</a> and <a href="/course/03_vae.html">the variational autoencoder</a>, and then <a
href="/step.html">walk one step</a>.</p>"""
    yield Page("index.html", "A variational autoencoder, line by line", SECTION, body, summary="what this is")


def _lines(atlas: Atlas) -> str:
    """Return the function, without its docstring and its checks of shapes."""
    lines = definition(gaussian.reparameterize, atlas, Uses(atlas))
    first, last = (i for i, line in enumerate(lines) if '"""' in line)
    decorator, head, body = lines[0], lines[1:first], lines[last + 1 :]
    assert "differentiable" in decorator
    checks = re.compile(r"\s*(require_|shapes = )")
    return code([*head, *(line for line in body if not checks.match(re.sub(r"<[^>]*>", "", line)))])


def _numbers() -> str:
    mean, log_var, noise = np.array([[0.5]]), np.array([[-1.0]]), np.array([[1.3]])
    z, pullback = gaussian.reparameterize(mean, log_var, noise=noise)
    dmean, dlog_var = pullback(np.ones((1, 1)))

    def at(m: float, s: float) -> float:
        return float(gaussian.reparameterize(np.array([[m]]), np.array([[s]]), noise=noise)[0][0, 0])

    rows = [
        ("z", float(z[0, 0]), "", ""),
        (
            "∂z/∂μ",
            float(dmean[0, 0]),
            central(lambda v: at(v, -1.0), 0.5),
            _apart(dmean, central(lambda v: at(v, -1.0), 0.5)),
        ),
        (
            "∂z/∂log σ²",
            float(dlog_var[0, 0]),
            central(lambda v: at(0.5, v), -1.0),
            _apart(dlog_var, central(lambda v: at(0.5, v), -1.0)),
        ),
    ]
    return table(
        "At μ = 0.5, log σ² = −1, ε = 1.3.",
        ("", "by the line", "finite difference", "their difference"),
        rows,
    )


def _apart(ours: np.ndarray, theirs: float) -> str:
    return f"{abs(float(ours[0, 0]) - theirs):.0e}".replace("-", "−")
