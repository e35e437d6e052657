"""Play with small laws in which everything is known: two Gaussians, a relaxed choice, the bound, a logit."""

import numpy as np

from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.widgets import buttons, choices, data, lesson, plot, slider, value


def divergence(atlas: Atlas) -> Page:
    """Make the page on two Gaussians and their KL."""
    rows = "".join(
        f'<tr><th scope="row">{words}</th><td>{tex}</td><td>{value("d" + name, 6)}</td>'
        f"<td>{value('f' + name, 6)}</td><td>{value('e' + name)}</td></tr>"
        for name, words, tex in (
            ("m", "∂KL/∂m", "(m − μ)/τ²"),
            ("s", "∂KL/∂log σ²", "½ (σ²/τ² − 1)"),
            ("mu", "∂KL/∂μ", "−(m − μ)/τ²"),
            ("t", "∂KL/∂log τ²", "½ (1 − σ²/τ² − (m − μ)²/τ²)"),
        )
    )
    words = "p (orange), q (green), the integrand of the KL (violet), and arrows for minus the gradient."
    return lesson(
        atlas,
        "kl",
        "Two Gaussians and their KL",
        "How far is q from p? Move either of them, and watch the KL and where its gradient pushes q.",
        equations=[
            r"\mathrm{KL}(q\,\|\,p)=\tfrac12\Bigl(\frac{\sigma^2}{\tau^2}+\frac{(m-\mu)^2}{\tau^2}"
            r"-1-\log\frac{\sigma^2}{\tau^2}\Bigr),"
            r"\qquad q=\mathcal N(m,\sigma^2),\;p=\mathcal N(\mu,\tau^2)"
        ],
        stage=f"""<div id="play" class="stage two"><div>
{plot("densities", words)}
{plot("hill", "The KL as a function of the mean of q, with its tangent at the present mean.")}</div>
<div class="sliders">{slider("m", "mean of q, m", -4, 4, 1.5)}{slider("s", "log σ² of q", -4, 3, -1)}
{slider("mu", "mean of p, μ", -4, 4, 0)}{slider("t", "log τ² of p", -2, 3, 0)}
{buttons(step="one step of gradient descent on q", standard="p = N(0, 1)")}
<p class="big">KL(q ‖ p) = {value("kl", 4)} nats<br><small>the other way round, KL(p ‖ q) =
{value("reversed", 4)}</small></p></div></div>
<table class="numbers"><caption>Each derivative by its formula, and by a central difference of the
KL.</caption><thead><tr><th scope="col">derivative</th>
<th scope="col">formula</th><th scope="col">its value</th><th scope="col">difference</th><th scope="col">they
differ by</th></tr></thead><tbody>{rows}</tbody></table>""",
        tries=[
            "Drag q in the picture, or move the sliders. Make the KL 0.",
            "Press the button for a step of gradient descent again and again: q moves and widens until it is "
            "p.",
            "Make q very narrow, then very wide. Which of the two costs more?",
        ],
        sees=[
            "The shaded curve is the integrand q(z) log(q(z)/p(z)). Its area is the KL. Parts of it are "
            "below 0, the whole never is.",
            "One arrow at q pushes its mean, two push its flanks. They show minus the gradient, and they "
            "vanish together at q = p only.",
            "A narrow q costs little: log σ² falls slowly. A wide q costs much, since σ² grows exponentially "
            "with log σ².",
            "With p = N(0, 1) the derivatives are m and ½ (σ² − 1): the two lines that every VAE's encoder "
            "receives.",
        ],
        proved={
            "distributions.gaussian.kl": "the formula and its four derivatives",
            "distributions.gaussian.kl_to_standard": "with p = N(0, 1)",
            "demos/09_gaussians": "the derivation line by line, each line checked by quadrature",
        },
    )


def relaxation(atlas: Atlas) -> Page:
    """Make the page on a Gumbel temperature."""
    noise = np.maximum(np.random.default_rng(5).standard_exponential((400, 3)).round(5), 1e-5)
    words = "Four hundred relaxed choices as points of a triangle, whose corners are the three choices."
    stage = f"""<div id="play" class="stage two"><div>
{plot("triangle", words)}</div>
<div class="sliders">{slider("temperature", "temperature λ (power of ten)", -1.5, 1, -0.3)}
{slider("l0", "logit of choice 1", -3, 3, 0.5)}{slider("l1", "logit of choice 2", -3, 3, 0)}
{slider("l2", "logit of choice 3", -3, 3, -0.5)}
{plot("shares", "Of each choice the probability (orange), and how often a draw is largest there (green).")}
</div></div>
<table class="numbers"><caption>What the relaxation does to an expectation: f(y) = (y₁ + 2 y₂ + 4 y₃)², 400
draws, λ = {value("temperature", 3)}</caption>
<thead><tr><th scope="col"></th><th scope="col">exact choices</th><th scope="col">relaxed</th><th
scope="col">deviation of one draw</th></tr></thead><tbody>
<tr><th scope="row">E f</th><td>{value("exact", 3)}</td><td>{value("relaxed", 3)}</td><td></td></tr>
<tr><th scope="row">∂E f/∂l₁</th><td>{value("slope", 3)}</td><td>{value("found", 3)}</td><td>
{value("noise", 3)}</td></tr>
<tr><th scope="row">mean of the largest entry</th><td>1</td><td>
{value("largest", 3)}</td><td></td></tr></tbody></table>"""
    return lesson(
        atlas,
        "gumbel",
        "A choice that lets gradients through",
        "A draw among three has no derivative. A relaxed draw has one, and pays for it with a bias. The "
        "temperature sets the price.",
        equations=[r"y=\mathrm{softmax}\Bigl(\frac{\ell+g}{\lambda}\Bigr),\qquad g_k=-\log "
                   r"E_k,\;E_k\sim\mathrm{Exponential}(1)"],
        stage=stage + data({"noise": noise.tolist(), "worth": [1, 2, 4]}),
        tries=[
            "Lower the temperature: points run into the corners. Raise it: they gather in the middle.",
            "Watch the bars while the temperature changes. Do they move?",
            "Compare the two columns of the table, and the deviation, at λ = 0.1 and at λ = 3.",
        ],
        sees=[
            "The largest entry is the k-th with probability softmax(l)ₖ, whatever the temperature. So the "
            "bars stay as they are.",
            "At a high temperature the mean of f is wrong: f of a blend is not the blend of f. This bias "
            "vanishes as λ → 0.",
            "The gradient carries the factor 1/λ. At a low temperature most draws have a gradient of almost "
            "0, and a few a huge one: the deviation grows.",
            "Training with relaxed choices therefore does not report a bound. The library calls that number "
            "a surrogate.",
        ],
        proved={
            "distributions.concrete.reparameterize": "the relaxed draw and its gradient",
            "posteriors.GumbelSoftmax": "relaxed in training, exact in evaluation",
            "demos/19_discrete": "the bias beside the truth",
        },
    )  # fmt: skip


def bound(atlas: Atlas) -> Page:
    """Make the page on the bound and log p(x), on which q can be dragged."""
    words = "Three bars in nats: the bound and the KL to the posterior together are as long as log p(x)."
    stage = f"""<div id="play" class="stage two"><div>
{plot("densities", "The prior (grey), the posterior p(z|x) (orange), and q (green), which can be dragged.")}
{plot("sum", words)}</div>
<div class="sliders">{slider("m", "mean of q", -3, 3, -1)}{slider("s", "log σ² of q", -5, 1.5, -0.5)}
{choices("decoder", "decoder", {"linear": "E[x|z] = w z", "square": "E[x|z] = w (z² − 1)"})}
{slider("x", "the data, x", -3, 3, 1.5)}{slider("w", "weight w", 0, 3, 1.2)}
{slider("sigma", "σ of p(x|z)", 0.2, 1.5, 0.6)}
{buttons(climb="let q climb the bound")}</div></div>
<p class="big">bound {value("bound", 4)} + KL(q ‖ p(z|x)) {value("gap", 4)} = {value("total", 4)} &nbsp; log
p(x) = {value("evidence", 4)}</p>
<p class="big"><small>bound = E<sub>q</sub>[log p(x|z)] {value("reconstruction", 4)} − KL(q ‖ p(z))
{value("prior", 4)}; its slope by m is
{value("dm", 4)}, by log σ² {value("ds", 4)}; and ∫ q(z) log p(x) dz = {value("evidence2", 4)}</small></p>"""
    return lesson(
        atlas,
        "bound",
        "The bound and log p(x)",
        "Drag q. The bound changes, log p(x) does not, and what is between them is the KL from q to the "
        "posterior.",
        equations=[
            r"\log p(x)=\underbrace{\mathbb E_q[\log p(x\mid "
            r"z)]-\mathrm{KL}(q\,\|\,p(z))}_{\text{bound}}+\mathrm{KL}\bigl(q\,\|\,p(z\mid x)\bigr)",
            r"\int q(z)\log p(x)\,dz=\log p(x)\int q(z)\,dz=\log p(x)",
        ],
        stage=stage,
        tries=[
            "Drag q onto the posterior. When is the bound equal to log p(x)?",
            "Let q climb: it follows the slope of the bound, and never looks at the posterior.",
            "Switch to the second decoder with x > 0, whose posterior has two hills. Let q climb again.",
        ],
        sees=[
            "log p(x) has no z in it. The mean of a constant under any q is that constant, and so no q can "
            "move the bar of log p(x).",
            "To make the bound larger is to make KL(q ‖ p(z|x)) smaller, by the same amount, because their "
            "sum stays. That is why "
            "an encoder can be trained towards a posterior that nobody can compute.",
            "A Gaussian q fits the posterior of the linear decoder exactly. Of two hills it takes one: the "
            "KL from q punishes q where the posterior is "
            "small, not the other way round. The bound then stays below log p(x).",
        ],
        proved={
            "evaluation.evidence": "the sum for a network, by quadrature",
            "evaluation.linear_gaussian_bound": "the bound of the linear decoder in closed form",
            "evaluation.expectation_by_quadrature": "∫ q log p(x) dz",
            "demos/10_the_bound": "the same in two dimensions, all terms in closed form",
        },
    )  # fmt: skip


def logit(atlas: Atlas) -> Page:
    """Make the page on a saturated logit."""
    stage = f"""<div id="play" class="stage two"><div>
{plot("value", "log p(x), by the logit (green), and by the probability (dashed), which breaks off.")}
{plot("slope", "Its gradient against the logit, both ways.")}</div>
<div class="sliders">{slider("l", "logit l", -120, 120, 30, step=1, digits=0)}
{choices("x", "the pixel x", {"0": "0", "1": "1"})}
<table class="numbers"><caption>Computed in numbers of 32 bits</caption><thead><tr><th scope="col"></th><th
scope="col">from the logit</th>
<th scope="col">from the probability</th></tr></thead><tbody><tr><th scope="row">log
p(x)</th><td>{value("byLogit", 4)}</td><td>{value("byProbability", 4)}</td></tr>
<tr><th scope="row">gradient</th><td>{value("slopeByLogit", 4)}</td><td>
{value("slopeByProbability", 4)}</td></tr></tbody></table></div></div>"""
    return lesson(
        atlas,
        "logit",
        "A saturated logit",
        "A decoder that is very sure, and wrong. From its logit the loss is exact; from its probability it "
        "is infinite.",
        equations=[
            r"\log p(x)=x\,\ell-\mathrm{softplus}(\ell),\qquad \frac{\partial\log p(x)}{\partial "
            r"\ell}=x-\sigma(\ell)",
            r"\text{instead of}\quad x\log\sigma(\ell)+(1-x)\log(1-\sigma(\ell))",
        ],
        stage=stage,
        tries=[
            "Raise the logit from 0 with x = 0. At which logit does the probability become exactly 1?",
            "Go below −104 with x = 1.",
            "Look at the gradient there.",
        ],
        sees=[
            "Of 32 bits, some 24 hold the digits of a number. At l = 17 the probability σ(l) is nearer to 1 "
            "than to any other such number, "
            "so 1 − σ(l) is 0 and its logarithm −∞. The gradient is 0 · ∞, which is no number.",
            "From the logit nothing is lost: the value is −l, and the gradient −1. A wrong pixel always "
            "pulls with its full force.",
            "Even where the decoder is right, the probability gives no number: the half of the formula that "
            "should be 0 is 0 · log 0. When the decoder is right the gradient is 0, and this is as it should "
            "be. A saturated logit that is wrong is never stuck.",
        ],
        proved={
            "distributions.bernoulli.log_prob": "by logits",
            "ops.softplus": "log(1 + eˡ) without overflow",
            "likelihoods.Bernoulli": "the likelihood whose parameters are logits",
        },
    )  # fmt: skip
