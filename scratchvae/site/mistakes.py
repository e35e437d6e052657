"""The mistakes: each name of the catalogue has the wrong line beside the right one, and the report."""

import io
from collections.abc import Iterator
from functools import cache
from html import escape

import numpy as np
from PIL import Image

from scratchvae.reference import mistakes
from scratchvae.site import experiments, terms
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.planted import Plant
from scratchvae.site.plants import GROUPS, LIKE_BETA
from scratchvae.site.prose import with_equations
from scratchvae.site.widgets import STYLE, link, proofs

SECTION = "Mistakes"
PATHS = dict(zip(GROUPS, ("sampling", "reconstruction", "kl", "loss", "weights", "sigma"), strict=True))
ABOUT = {
    "Sampling": "z should be a draw from q(z|x) that gradients can pass through.",
    "The reconstruction": "−log p(x|z) should be summed over an event's entries, with every constant.",
    "The KL": "KL(q ‖ N(0, I)) = ½ Σ (μ² + σ² − 1 − log σ²).",
    "The loss": "Both terms should be reduced alike: summed over entries and latents, averaged over "
    "examples.",
    "Weights of many draws": "log w = log p(x|z) + log p(z) − log q(z|x), and the bound is the logarithm of "
    "their mean.",
    "σ taken for what it is not": "A network gives log σ², and the code takes it for log σ: the commonest "
    "family of all.",
}
PROOFS = {
    "reference.diagnose": "names the mistake",
    "reference.mistakes": "the catalogue",
    "tests/test_mistakes": "every mistake of the catalogue is made, and is named",
    "tests/test_site_pages::test_every_mistake_has_its_wrong_line": "the lines on these pages are run, and "
    "are named",
}


def pages(atlas: Atlas) -> Iterator[Page]:
    """Yield the overview, and then a page for each group."""
    cards = "".join(
        '<div class="card"><h2><a '
        f'href="/mistakes/{PATHS[group]}.html">{group}</a></h2><p>{with_equations(ABOUT[group])}</p><p>'
        f"{len(plants)} "
        "mistakes</p></div>"
        for group, plants in GROUPS.items()
    )
    rows = "".join(
        f'<tr><td><a href="/mistakes/{PATHS[group]}.html#{plant.name}"><code>{plant.name}</code></a></td>'
        f"<td>{with_equations(escape(mistakes()[plant.name]))}</td></tr>"
        for group, plants in GROUPS.items()
        for plant in plants
        if "_read_as_" not in plant.name
    )
    body = f"""{STYLE}<p class="lead">{len(mistakes())} mistakes that people make in the code of variational
autoencoders. Each is shown as
the wrong line beside the right one, with the report that <code>diagnose</code> gave when this page was
built.</p>
<div class="cards">{cards}<div class="card"><h2><a href="/{terms.PATH}">{terms.TITLE}</a></h2>
<p>{terms.SUMMARY}</p></div></div><h2>All by name</h2>
<div class="scroll"><table class="names"><thead><tr><th scope="col">name</th><th scope="col">what it is,
and the fix</th></tr></thead><tbody>{rows}</tbody></table></div>
<p>The other {sum("_read_as_" in name for name in mistakes())} are on the page <a
href="/mistakes/sigma.html">σ taken for what it is not</a>.</p>{proofs(atlas, PROOFS)}"""
    yield Page(
        "mistakes/index.html",
        "Mistakes",
        SECTION,
        body,
        summary="wrong lines beside right ones, and how each is found",
    )
    for group, plants in GROUPS.items():
        yield page_of(atlas, group, plants)
    yield terms.page(atlas, SECTION)


def page_of(atlas: Atlas, group: str, plants: tuple[Plant, ...]) -> Page:
    """Make the page of a group, and the pictures of what training does."""
    files: dict[str, bytes] = {}
    parts = [_shown(plant, files) for plant in plants]
    pictured = ""
    if any(plant.name in LIKE_BETA for plant in plants):
        files["mistakes/beta-1.png"] = _picture(1.0)
        pictured = f"""<p>Some of these mistakes weigh the two terms wrongly. An optimizer such as Adam does
not mind the scale of a loss, so that training with
such a line is training with another β, for which {link(atlas, "objectives.Elbo")} has an argument. The
pictures show a VAE trained so: digits,
their reconstructions, and what it makes of draws from the prior. This one is right:</p>
{_figure(1.0, "with the right line")}"""
    body = f"""{STYLE}<p class="lead">{with_equations(ABOUT[group])}</p>
<p>Each step below has the arrays of a small VAE, made by lines of NumPy of which one is replaced.
<code>detach</code> keeps gradients from
passing. What stands on the page is what was run.</p>{pictured}{"".join(parts)}{proofs(atlas, PROOFS)}"""
    return Page(f"mistakes/{PATHS[group]}.html", group, SECTION, body, files=files, summary=ABOUT[group])


def _shown(plant: Plant, files: dict[str, bytes]) -> str:
    report = str(plant.report()).strip()
    settings = (
        f"<p>Declared: <code>{escape(', '.join(f'{k}={v!r}' for k, v in plant.settings.items()))}</code></p>"
        if plant.settings
        else ""
    )
    beta = LIKE_BETA.get(plant.name)
    pictured = ""
    if beta is not None:
        files[f"mistakes/beta-{beta:.4g}.png"] = _picture(beta)
        pictured = _figure(beta, f"It amounts to β = {beta:.4g}")
    return f"""<section id="{plant.name}"><h2>{plant.name.replace("_", " ")}</h2><p>
{with_equations(escape(_sentence(mistakes()[plant.name])))}</p>{settings}
<div class="sides"><div><h3>wrong</h3>{_line(plant.line, plant.wrong, "bad")}</div><div><h3>right</h3>
{_line(plant.line, plant.should_be, "good")}</div></div>
<details{"" if "_read_as_" in plant.name else " open"}><summary>what diagnose
says</summary><pre>{escape(report)}</pre></details>{pictured}</section>"""


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _line(name: str, line: str, kind: str) -> str:
    return f'<pre class="{kind}"><code>{escape(f"{name} = {line}")}</code></pre>'


def _figure(beta: float, words: str) -> str:
    run = experiments.with_beta(beta)
    said = (
        f"{words}: KL {run.rate:.2f} nats, distortion {run.distortion:.1f} nats, −bound "
        f"{run.rate + run.distortion:.1f}."
    )
    alt = f"Ten digits, their reconstructions and ten draws, of a VAE trained with β = {beta:.4g}"
    return (
        f'<figure><img src="/mistakes/beta-{beta:.4g}.png" alt="{alt}" width="640" height="204" '
        f'loading="lazy"><figcaption>{said}</figcaption></figure>'
    )


@cache
def _picture(beta: float) -> bytes:
    """Draw three rows of ten: digits, their reconstructions, draws from the prior."""
    run, side = experiments.with_beta(beta), experiments.SMALL
    _, held_out = experiments.digits(3000, side)
    originals = held_out.batch(experiments.first_of_each_class(held_out)).x
    rows = [
        images.reshape(10, side, side).transpose(1, 0, 2).reshape(side, -1)
        for images in (originals, run.pictures, run.samples)
    ]
    whole = np.concatenate([np.pad(row, ((0, 1), (0, 0))) for row in rows])
    shades = Image.fromarray((255 * (1 - np.clip(whole, 0, 1))).astype(np.uint8))
    out = io.BytesIO()
    shades.resize((shades.width * 4, shades.height * 4), Image.Resampling.BICUBIC).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()
