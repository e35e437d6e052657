"""The walked step: every array of one training step beside its gradient, in pictures and in numbers."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.prose import with_equations
from scratchvae.site.walk import SIDE, STEPS, B, D, H, Walk, Z, walks
from scratchvae.site.widgets import STYLE, data, equation, link, plot, proofs, slider, value

PICTURES = {"x": "rows", "logits": "rows", "W1": "columns", "W4": "rows"}  # the vectors that are pictures


@dataclass(frozen=True)
class Stop:
    """One array: its name in the walk, its symbol, its shape, its words, its equations and its function.

    `down` says how the array comes about, and `up` how its gradient does.
    """

    name: str
    symbol: str
    shape: str
    words: str
    down: str
    up: str
    function: str


STOPS = (
    Stop("x", "x", f"(B, D) = ({B}, {D})", "Four digits of ten by ten pixels, each pixel from 0 to 1.", "x",
         "", "data.Batch"),
    Stop("W1", "W_1", f"(D, H) = ({D}, {H})",
         "The first weights. Each column is a picture of what a hidden unit looks for.",
         "W_1", r"\partial W_1 = x^\top\,\partial a", "ops.linear"),
    Stop("a", "a", f"(B, H) = ({B}, {H})", "How well each digit fits each of those pictures.",
         "a = x W_1 + b_1", r"\partial a = \partial h\,(1-h^2)", "ops.linear"),
    Stop("h", "h", f"(B, H) = ({B}, {H})", "The hidden units, between −1 and 1.",
         r"h=\tanh a", r"\partial h=\partial q\,W_2^\top", "ops.tanh"),
    Stop("W2", "W_2", f"(H, 2Z) = ({H}, {2 * Z})", "The second weights.", "W_2",
         r"\partial W_2=h^\top\,\partial q", "ops.linear"),
    Stop("q", "q", f"(B, 2Z) = ({B}, {2 * Z})",
         "What the encoder says of q(z|x): first the means, then log σ².",
         r"q=h W_2+b_2=[\,\mu\mid s\,]", r"\partial q=[\,\partial\mu\mid\partial s\,]",
         "posteriors.DiagonalGaussian"),
    Stop("mean", r"\mu", f"(B, Z) = ({B}, {Z})",
         "The mean of each latent. Its gradient has two parts: one came through z, one from the KL.",
         r"\mu", r"\partial\mu=\partial z+\tfrac1B\mu", "distributions.gaussian.reparameterize"),
    Stop("log_var", "s", f"(B, Z) = ({B}, {Z})",
         "log σ² of each latent. Any number will do, and so the network needs no constraint to keep σ above "
         "0.",
         r"s=\log\sigma^2", r"\partial s=\tfrac12\,\partial z\,\varepsilon\,\sigma+\tfrac1{2B}(\sigma^2-1)",
         "distributions.gaussian.reparameterize"),
    Stop("kl", r"\mathrm{kl}", f"(B, Z) = ({B}, {Z})", "How far each latent's q is from the prior, in nats.",
         r"\mathrm{kl}=\tfrac12(\mu^2+\sigma^2-1-s)", r"\partial\,\mathrm{kl}=\tfrac1B",
         "distributions.gaussian.kl_to_standard_by_dimension"),
    Stop("noise", r"\varepsilon", f"(B, Z) = ({B}, {Z})",
         "The noise, drawn before the step from N(0, 1). It is an argument, so that the step can be "
         "replayed.",
         r"\varepsilon\sim\mathcal N(0,1)", "", "distributions.gaussian.sample_standard"),
    Stop("z", "z", f"(B, Z) = ({B}, {Z})",
         "The code: a draw from q(z|x), written so that it has a derivative by μ and by s.",
         r"z=\mu+e^{s/2}\varepsilon", r"\partial z=\partial c\,W_3^\top",
         "distributions.gaussian.reparameterize"),
    Stop("W3", "W_3", f"(Z, H) = ({Z}, {H})", "The decoder's first weights.", "W_3",
         r"\partial W_3=z^\top\,\partial c", "ops.linear"),
    Stop("c", "c", f"(B, H) = ({B}, {H})", "", "c=zW_3+b_3", r"\partial c=\partial g\,(1-g^2)", "ops.linear"),
    Stop("g", "g", f"(B, H) = ({B}, {H})", "The decoder's hidden units.", r"g=\tanh c",
         r"\partial g=\partial\ell\,W_4^\top", "ops.tanh"),
    Stop("W4", "W_4", f"(H, D) = ({H}, {D})",
         "The decoder's last weights. Each row is a picture that a hidden unit adds.",
         "W_4", r"\partial W_4=g^\top\,\partial\ell", "ops.linear"),
    Stop("logits", r"\ell", f"(B, D) = ({B}, {D})",
         "One logit a pixel: σ(l) is the probability that the pixel is on. Its gradient is the error, "
         "picture minus digit.",
         r"\ell=gW_4+b_4", r"\partial\ell=\tfrac1B(\sigma(\ell)-x)", "distributions.bernoulli.log_prob"),
    Stop("log_px", r"\log p(x\mid z)", f"(B,) = ({B},)",
         "The log-probability of each digit, a sum over its pixels.",
         r"\log p(x\mid z)=\sum_d x_d\ell_d-\mathrm{softplus}(\ell_d)", r"\partial\log p=-\tfrac1B",
         "distributions.bernoulli.log_prob"),
)  # fmt: skip


LOSS = r"\mathrm{loss}=-\tfrac1B\sum_b\log p(x_b\mid z_b)+\tfrac1B\sum_b\sum_j\mathrm{kl}_{bj}"
PROOFS = {
    "models.VAE": "the same pass for any networks and roles",
    "objectives.Elbo": "the loss",
    "training.train_step": "the step, with the update that follows",
    "checks.check_pullback": "finite differences with an estimate of their own error",
    "tests/test_site_pages::test_the_walk_is_the_step_of_elbo": "the walk has the loss and the gradients of "
    "Elbo, to rounding",
    "demos/00_vae_in_one_file": "all of it in one file of plain NumPy",
}


def pages(atlas: Atlas) -> Iterator[Page]:
    """Yield the one page of this section."""
    yield page(atlas)


def page(atlas: Atlas) -> Page:
    """Make the page of the walk at some steps of a short training."""
    found = walks()
    labels = [str(step) for step, _, _ in found]
    words = "The loss at those steps of the training."
    body = f"""{STYLE}<p class="lead">A VAE with {D} pixels, {H} hidden units and {Z} latents takes one step.
Read the values downwards, as they are computed.
Then read the gradients upwards, as they come back. Every number here was computed by the function it is
linked to.</p>
{equation(LOSS)}
<p>∂y stands for ∂loss/∂y. Orange is above 0, blue below; in each picture the strongest colour is the largest
entry, whose size stands below it.
Beside every gradient its three largest entries stand next to their finite differences (loss(y + h) − loss(y −
h)) / 2h with h = 10⁻⁵.</p>
<div id="play" class="walk"><div class="sticky">
{slider("step", "steps of training taken", 0, len(found) - 1, 0, step=1, words=labels)}
<p class="big">loss {value("loss", 4)} nats = −⟨log p(x|z)⟩ {value("distortion", 4)} + ⟨KL⟩
{value("rate", 4)}; of {value("entries")} differences the worst is off by {value("worst")}</p></div>
{plot("losses", words)}
<div class="stops">{"".join(_stop(atlas, stop) for stop in STOPS)}</div></div>
<section><h2>What to notice</h2><ul>
<li>At the beginning ∂l is the whole digit: the decoder knows nothing, and every pixel is wrong.</li>
<li>The code z is narrow: of 100 pixels, two numbers are left. The gradient has to come back through the same
two numbers.</li>
<li>μ and s get a gradient from two sides. While the digits are badly drawn the part through z is the larger
one; later the two parts balance.</li>
<li>As training goes on, gradients shrink, and so do their finite differences. Their distance stays at
rounding: about 10⁻¹⁶ of the loss,
divided by 2 · 10⁻⁵, and h² of the third derivative.</li>
<li>A gradient of the loss of four digits with fixed noise does not vanish: training draws fresh noise in
every step, and settles where the mean over it is 0.</li>
</ul></section>
{proofs(atlas, PROOFS)}
{data(_payload(found))}"""
    scripts = ("play/mathematics.js", "play/drawing.js", "play/step.js")
    return Page(
        "step.html",
        "One training step, walked",
        "One step",
        body,
        scripts=scripts,
        wide=True,
        summary="every array of a step beside its gradient",
    )


def _stop(atlas: Atlas, stop: Stop) -> str:
    side = "" if not stop.up else f"""<div class="up"><h3><span class="tex">{escape(stop.up)}</span></h3>
<canvas data-heat="gradient" role="img" aria-label="the gradient of {stop.name} as a heat map"></canvas><p
class="scale" data-scale="gradient"></p>
<table class="numbers"><thead><tr><th scope="col">entry</th><th scope="col">by hand</th><th
scope="col">difference</th><th scope="col">apart</th></tr></thead>
<tbody data-differences></tbody></table></div>"""  # fmt: skip
    return f"""<section class="stop" id="stop-{stop.name}" data-stop="{stop.name}"><div
class="about"><h2><span class="tex">{escape(stop.down)}</span></h2>
<p><code>{stop.name} {stop.shape}</code></p><p>{with_equations(stop.words)}</p><p class="proof">
{link(atlas, stop.function)}</p></div>
<div class="down"><canvas data-heat="value" role="img" aria-label="{stop.name} as a heat map"></canvas><p
class="scale" data-scale="value"></p>
<p class="entries" data-entries></p></div>{side}</section>"""


def _heat(name: str, array: Array) -> dict[str, Any]:
    """Return an array as pictures of 8 bits side by side, or as a matrix of cells.

    Each number is stored as its share of the largest.
    """
    largest = float(np.abs(array).max())
    q = np.round(127 * array / (largest or 1)).astype(np.int8)
    rows = {"rows": q, "columns": q.T}.get(PICTURES.get(name, ""), q.reshape(len(q), -1))
    shape = [len(rows), SIDE, SIDE] if name in PICTURES else [1, *rows.shape]
    return {
        "q": b64encode(np.ascontiguousarray(rows).tobytes()).decode(),
        "largest": _short(largest),
        "shape": shape,
    }


def _short(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _payload(found: list[tuple[int, Walk, dict[str, Any]]]) -> dict[str, Any]:
    snapshots = []
    for step, one, differences in found:
        arrays: dict[str, dict[str, Any]] = {}
        for stop in STOPS:
            v = one.values[stop.name]
            row = v.reshape(len(v), -1)[0]
            entries = [
                _short(float(n))
                for n in (
                    row[np.argsort(-np.abs(row), kind="stable")[:4]] if stop.name in PICTURES else row[:4]
                )
            ]
            arrays[stop.name] = {"value": _heat(stop.name, v), "entries": entries}
            if stop.up:
                arrays[stop.name]["gradient"] = _heat(stop.name, one.gradients[stop.name])
                arrays[stop.name]["differences"] = [
                    [
                        ", ".join(map(str, at)),
                        f"{ours:.8f}".replace("-", "−"),
                        f"{theirs:.8f}".replace("-", "−"),
                        f"{abs(ours - theirs):.0e}".replace("-", "−"),
                    ]
                    for at, ours, theirs in differences[stop.name]
                ]
        apart = [abs(ours - theirs) for rows in differences.values() for _, ours, theirs in rows]
        snapshots.append({
            "step": step, "loss": one.loss, "distortion": float(-one.values["log_px"].mean()),
            "rate": float(one.values["kl"].sum() / B),
            "worst": f"{max(apart):.0e}".replace("-", "−"), "entries": str(len(apart)),
            "largest": float(np.abs(one.gradients["W1"]).max()), "arrays": arrays,
        })  # fmt: skip
    assert [s["step"] for s in snapshots] == list(STEPS)
    return {"snapshots": snapshots}
