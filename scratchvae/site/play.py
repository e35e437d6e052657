"""Play: pages with sliders, whose numbers are computed in the browser, from trainings that were run when the site was built."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from scratchvae.site import experiments
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.widgets import buttons, canvas, choices, data, equation, lesson, plot, slider, tick, value

SECTION = "Play"


def pages(atlas: Atlas) -> Iterator[Page]:
    """The overview and the pages of Play."""
    made = [make(atlas) for make in (latents, plane, divergence, rate, width, annealing, relaxation, bound, logit)]
    cards = "".join(f'<div class="card"><h3><a href="/{page.path}">{page.title}</a></h3><p>{page.summary}</p></div>' for page in made)
    yield Page(
        "play/index.html",
        "Play",
        SECTION,
        f"""<p class="lead">Nine pages on which you move something and see a number change. The trainings behind them were run by this
library when the site was built, and every page names the functions that compute in Python what it computes here.</p>
<div class="cards">{cards}</div>
<p>Every slider can be moved with the arrow keys, once Tab has brought you to it.</p>""",
        summary="sliders that move a trained model",
    )
    yield from made


def _page(atlas: Atlas, name: str, title: str, lead: str, *, scripts: tuple[str, ...] = (), **parts: Any) -> Page:
    ours = tuple(f"play/{script}.js" for script in ("mathematics", "drawing", *(scripts or (name,))))
    return Page(f"play/{name}.html", title, SECTION, lesson(atlas, lead, **parts), scripts=ours, summary=lead, wide=True)


def latents(atlas: Atlas) -> Page:
    """Sliders over the codes of a decoder with eight latents."""
    train, held_out = experiments.digits(6000, experiments.SIDE)
    model = experiments.trained(train, latents=8, hidden=128, epochs=16)
    codes = np.asarray(model.encode(held_out))
    decoder, most, made = experiments.decoder_for_page(model, codes)
    rows = experiments.first_of_each_class(held_out)
    originals = held_out.batch(rows).x
    shown = [{"code": codes[i].round(2).tolist(), "grey": experiments.greys(x)} for i, x in zip(rows, originals, strict=True)]
    draws = np.random.default_rng(3).normal(size=(40, 8)).round(2).tolist()
    sliders = "".join(
        slider(f"z{j}", f"z<sub>{j + 1}</sub>", -3, 3, 0) + f'<canvas class="strip" width="216" height="24" aria-hidden="true"></canvas>'
        for j in range(8)
    )
    digits = "".join(
        f'<button type="button" data-digit="{k}" aria-label="the code of a {k}"><canvas class="strip" width="24" height="24"></canvas></button>'
        for k in range(10)
    )
    payload = {**decoder, "side": experiments.SIDE, "latents": 8, "spread": codes.std(axis=0).tolist(), "digits": shown, "draws": draws}
    return _page(
        atlas,
        "latent",
        "Eight numbers that make a digit",
        "A decoder turns a code of eight numbers into a picture. Move one of them, and see what it means.",
        equations=[r"p(x\mid z)=\prod_d \mathrm{Bernoulli}\bigl(x_d;\,\sigma(\ell_d)\bigr),\qquad \ell=W_2\max(0,\,W_1z+b_1)+b_2"],
        stage=f"""<div id="play" class="stage two"><div>{canvas("picture", 288, "The picture that the decoder makes of the code.")}
{buttons(draw="draw a code from the prior", centre="the middle, z = 0")}
<p>Or begin with the code of a digit that the model has not seen in training:</p><div class="digits">{digits}</div></div>
<div class="sliders films">{sliders}</div></div>{data(payload)}""",
        tries=[
            "Draw a few codes from the prior N(0, I). Most of them give something like a digit, though nobody drew it.",
            "Choose a digit, then move one slider slowly. The film beside it shows what that latent does from where you are.",
            "Look for a latent that changes the thickness of a stroke, and for one that changes nothing at all.",
        ],
        sees=[
            f"The code has the squared length {value('squared', 2)}. For draws from the prior its mean is 8, the number of latents.",
            "A small change of the code makes a small change of the picture. The KL term is the reason: it spreads each example over "
            "a small cloud of codes, so that the decoder has to make sense of the neighbourhood too.",
            "Some latents do little. Their KL is near 0, and so the encoder gives them the prior, whatever it sees.",
            f"The weights in this page are whole numbers of 8 bits. This can move a pixel's probability by {most:.3f} at most, and at the "
            f"600 held-out codes it moves none by more than {made:.4f}. A test compares the page's own arithmetic with Python's.",
        ],
        proved={
            "likelihoods.Bernoulli": "what the decoder's output means",
            "layers.Linear": "W z + b",
            "distributions.gaussian.kl_to_standard": "the term that makes neighbours alike",
            "plots.traversal": "the same films, drawn by Python",
        },
    )


def plane(atlas: Atlas) -> Page:
    """The plane of codes of a VAE with two latents."""
    train, held_out = experiments.digits(4000, experiments.SIDE, plain=True)
    model = experiments.trained(train, latents=2, hidden=128, epochs=30)
    codes = np.asarray(model.encode(held_out))
    decoder, most, made = experiments.decoder_for_page(model, codes)
    assert held_out.labels is not None
    points = [[*map(float, code.round(3)), int(label)] for code, label in zip(codes, held_out.labels, strict=True)]
    return _page(
        atlas,
        "plane",
        "The plane of codes",
        "With two latents the whole space of codes is a plane. See where the encoder puts six hundred digits, and what lies between.",
        equations=[r"q(z\mid x)=\mathcal N\bigl(\mu(x),\,\mathrm{diag}\,\sigma^2(x)\bigr),\qquad p(z)=\mathcal N(0,I)"],
        stage=f"""<div id="play" class="stage wide"><div>
{canvas("plane", 640, "The plane of codes from −3.2 to 3.2 both ways: each held-out digit stands, as its numeral, at its code.")}</div>
<div>{canvas("picture", 240, "The decoder's picture of the chosen point of the plane.")}
<div class="sliders">{slider("a", "z<sub>1</sub>", -3.2, 3.2, 0)}{slider("b", "z<sub>2</sub>", -3.2, 3.2, 0)}
{tick("coded", "the codes of held-out digits", on=True)}{tick("tiled", "what the decoder makes of the plane", on=False)}</div></div></div>
{data({**decoder, "side": experiments.SIDE, "codes": points, "reach": 3.2})}""",
        tries=[
            "Move over the plane, or use the two sliders. The picture is the decoder's mean at that point.",
            "Go slowly from one class to another. Where do the two mix?",
            "Switch to what the decoder makes of the plane, and compare it with the codes.",
        ],
        sees=[
            "The encoder saw no class in training. Classes stand together because their pictures are alike.",
            "There are hardly any empty places within the circles, which have radius 1, 2 and 3: the KL term pulls the codes "
            "towards N(0, I), and the reconstruction term keeps them apart.",
            "Between two classes the picture is a blend. Nothing in the bound asks for a sharp border.",
            f"The weights in this page have 8 bits: a pixel is off by {most:.3f} at most, and by {made:.4f} at worst at these codes.",
        ],
        proved={
            "posteriors.DiagonalGaussian": "q(z|x)",
            "evaluation.codes": "E[z|x] of every example",
            "evaluation.completeness": "how few empty places a plane has, measured",
            "evaluation.continuity": "how alike neighbours are, measured",
        },
    )


def divergence(atlas: Atlas) -> Page:
    """Two Gaussians and their KL."""
    rows = "".join(
        f"<tr><th scope=\"row\">{words}</th><td>{tex}</td><td>{value('d' + name, 6)}</td><td>{value('f' + name, 6)}</td><td>{value('e' + name)}</td></tr>"
        for name, words, tex in (
            ("m", "∂KL/∂m", "(m − μ)/τ²"),
            ("s", "∂KL/∂log σ²", "½ (σ²/τ² − 1)"),
            ("mu", "∂KL/∂μ", "−(m − μ)/τ²"),
            ("t", "∂KL/∂log τ²", "½ (1 − σ²/τ² − (m − μ)²/τ²)"),
        )
    )
    return _page(
        atlas,
        "kl",
        "Two Gaussians and their KL",
        "How far is q from p? Move either of them, and watch the KL and where its gradient pushes q.",
        equations=[
            r"\mathrm{KL}(q\,\|\,p)=\tfrac12\Bigl(\frac{\sigma^2}{\tau^2}+\frac{(m-\mu)^2}{\tau^2}-1-\log\frac{\sigma^2}{\tau^2}\Bigr),"
            r"\qquad q=\mathcal N(m,\sigma^2),\;p=\mathcal N(\mu,\tau^2)"
        ],
        stage=f"""<div id="play" class="stage two"><div>{plot("densities", "The densities q and p, the integrand of the KL, and arrows for minus the gradient.")}
{plot("hill", "The KL as a function of the mean of q, with its tangent at the present mean.")}</div>
<div class="sliders">{slider("m", "mean of q, m", -4, 4, 1.5)}{slider("s", "log σ² of q", -4, 3, -1)}
{slider("mu", "mean of p, μ", -4, 4, 0)}{slider("t", "log τ² of p", -2, 3, 0)}
{buttons(step="one step of gradient descent on q", standard="p = N(0, 1)")}
<p class="big">KL(q ‖ p) = {value("kl", 4)} nats<br><small>the other way round, KL(p ‖ q) = {value("reversed", 4)}</small></p></div></div>
<table class="numbers"><caption>Each derivative by its formula, and by a central difference of the KL.</caption><thead><tr><th scope="col">derivative</th>
<th scope="col">formula</th><th scope="col">its value</th><th scope="col">difference</th><th scope="col">they differ by</th></tr></thead><tbody>{rows}</tbody></table>""",
        tries=[
            "Drag q in the picture, or move the sliders. Make the KL 0.",
            "Press the button for a step of gradient descent again and again: q moves and widens until it is p.",
            "Make q very narrow, then very wide. Which of the two costs more?",
        ],
        sees=[
            "The shaded curve is the integrand q(z) log(q(z)/p(z)). Its area is the KL. Parts of it are below 0, the whole never is.",
            "One arrow at q pushes its mean, two push its flanks. They show minus the gradient, and they vanish together at q = p only.",
            "A narrow q costs little: log σ² falls slowly. A wide q costs much, since σ² grows exponentially with log σ².",
            "With p = N(0, 1) the derivatives are m and ½ (σ² − 1): the two lines that every VAE's encoder receives.",
        ],
        proved={
            "distributions.gaussian.kl": "the formula and its four derivatives",
            "distributions.gaussian.kl_to_standard": "with p = N(0, 1)",
            "demos/09_gaussians": "the derivation line by line, each line checked by quadrature",
        },
    )


def _comparison(title: str, words: str, count: int, start: int, labels: list[str]) -> str:
    rows = {"originals": "held-out digits", "pictures": "their reconstructions", "samples": "eight numbers drawn from the prior, decoded"}
    pictures = "".join(
        f'<figure><canvas class="strip" id="{name}" width="160" height="16" role="img" aria-label="{text}"></canvas><figcaption>{text}</figcaption></figure>'
        for name, text in rows.items()
    )
    return f"""<div id="play" class="stage two"><div>{plot("curve", words)}
<div class="sliders">{slider("run", title, 0, count - 1, start, step=1, words=labels)}</div></div><div class="films">{pictures}
{plot("latents", "A bar for the KL of each latent.")}</div></div>"""


def rate(atlas: Atlas) -> Page:
    """β against rate and distortion."""
    runs = [experiments.with_beta(beta) for beta in experiments.BETAS]
    _, held_out = experiments.digits(3000, experiments.SMALL)
    targets = held_out.batch(experiments.first_of_each_class(held_out)).x
    stage = _comparison(
        "weight of the KL, β", "Distortion against rate, one point for each β, with the line on which D + β R is the same.",
        len(runs), experiments.BETAS.index(1.0), [f"{b:g}" for b in experiments.BETAS],
    )  # fmt: skip
    payload = {"kind": "beta", "side": experiments.SMALL, "runs": [run.for_page() for run in runs], "targets": experiments.greys(targets)}
    return _page(
        atlas,
        "rate",
        "β: compression against fidelity",
        "One network, trained seven times. β says how many nats of picture a nat of code has to earn.",
        scripts=("runs",),
        equations=[r"\mathrm{loss}=D+\beta R,\qquad D=-\mathbb E_q[\log p(x\mid z)],\qquad R=\mathrm{KL}(q(z\mid x)\,\|\,p(z)),\qquad -\mathrm{bound}=D+R"],
        stage=stage
        + f"""<p class="big">R = {value("rate", 2)}, D = {value("distortion", 2)}, bound = {value("bound", 2)} nats, {value("active")} of 8 latents in use</p>"""
        + data(payload),
        tries=[
            "Move β from one end to the other and watch the reconstructions, then the pictures drawn from the prior.",
            "Find the β with the highest bound.",
            "Compare the dashed line with the curve: where does it touch?",
        ],
        sees=[
            "A small β lets the code say much (R is high) and the pictures are close to the originals. But codes then fill the space "
            "badly, and what is drawn from the prior is worse.",
            "A large β switches latents off, one after another. A latent is worth keeping only while it lowers D by β nats for each nat it costs.",
            "At the least loss the curve has the slope dD/dR = −β. So the dashed line, on which D + β R does not change, is its tangent.",
            "The bound itself is highest near β = 1, because −bound is the loss with β = 1 (up to how far these short trainings came).",
        ],
        proved={
            "objectives.Elbo": "the loss, with its weight β",
            "evaluation.rate_distortion": "R and D of each run",
            "evaluation.kl_by_latent": "the bars",
            "demos/05_compression": "the curve of an autoencoder, and Shannon's limit",
        },
    )  # fmt: skip


def width(atlas: Atlas) -> Page:
    """σ of a Gaussian decoder."""
    runs = experiments.by_sigma()
    _, held_out = experiments.digits(3000, experiments.SMALL)
    targets = held_out.batch(experiments.first_of_each_class(held_out)).x
    stage = _comparison(
        "σ of the decoder", "The bound of each run against the σ it was trained with; and log p(x|z) of the chosen run's residuals for every σ.",
        len(runs), 3, [f"{s:g}" for s in experiments.SIGMAS],
    )  # fmt: skip
    payload = {
        "kind": "sigma", "side": experiments.SMALL, "entries": experiments.SMALL**2, "best": 0,
        "runs": [run.for_page() for run in runs], "targets": experiments.greys(targets),
    }  # fmt: skip
    return _page(
        atlas,
        "sigma",
        "σ of a Gaussian decoder",
        "A squared error without its σ is a σ that somebody chose. See what it decides.",
        scripts=("runs",),
        equations=[r"-\log p(x\mid z)=\sum_d\Bigl(\tfrac12\log 2\pi\sigma^2+\frac{(x_d-\mu_d(z))^2}{2\sigma^2}\Bigr),\qquad \hat\sigma^2=\frac1D\sum_d\bigl(x_d-\mu_d(z)\bigr)^2"],
        stage=stage
        + f"""<p class="big">σ = {value("setting")}: the error is {value("error", 3)} a pixel, the KL {value("rate", 2)} nats,
{value("active")} of 8 latents in use<br><small>the σ that would suit these residuals best: {value("own", 3)}</small></p>"""
        + data(payload),
        tries=[
            "Begin at σ = 1, which is what a plain squared error means, and go down.",
            "Find the run whose own best σ is nearest to the σ it was given.",
            "Compare the number of latents in use at σ = 1 and at σ = 0.1.",
        ],
        sees=[
            "The squared error is divided by 2σ². A large σ makes errors cheap, so that the KL wins: codes say little, and the pictures are blurred.",
            "To change σ² is to change β: the same minimum has β = 2σ² in front of the KL of a plain squared error.",
            "For given residuals the best σ² is their mean square, where the curve has its top. A learned σ finds it (Gaussian(learned=True)).",
            "The bounds of different σ can be compared, since each is a log-density with all its constants. Squared errors can not.",
        ],
        proved={
            "likelihoods.Gaussian": "fixed, or learned",
            "likelihoods.GaussianOptimal": "σ² set to the residuals' mean square in every step",
            "distributions.gaussian.log_prob": "the density and its three gradients",
            "demos/04_likelihoods": "every likelihood on one data set",
        },
    )  # fmt: skip


def annealing(atlas: Atlas) -> Page:
    """Schedules of β, recorded."""
    marks, runs = experiments.by_schedule()
    for run in runs:
        run["kl"], run["bound"] = ([round(v, 3) for v in run[name]] for name in ("kl", "bound"))
    stage = f"""<div id="play" class="stage two"><div>{plot("weight", "The weight of the KL, β, by step.")}
{plot("terms", "The KL of held-out digits by step: the chosen schedule, and the others in grey.")}</div>
<div class="sliders">{choices("schedule", "schedule", {str(k): run["words"] for k, run in enumerate(runs)})}
{slider("at", "step", 0, len(marks) - 1, len(marks) - 1, step=1, words=[str(m) for m in marks])}
{plot("latents", "A bar for the KL of each latent at that step.")}
<p class="big">At step {value("step")}: β = {value("beta", 2)}, KL {value("kl", 2)} nats in {value("active")} latents, bound {value("bound", 1)}</p></div></div>"""
    return _page(
        atlas,
        "annealing",
        "Annealing: how the KL comes in",
        "In the first steps the decoder knows nothing, and a code is only a cost. Four ways of waiting, recorded.",
        equations=[
            r"\mathrm{loss}_t=-\langle\log p(x\mid z)\rangle+\beta(t)\,\mathrm{KL},\qquad \beta(t)=\min(1,\;t/T)",
            r"\text{with free bits: }\;\mathrm{KL}=\sum_j\max\bigl(\lambda,\;\langle \mathrm{kl}_j\rangle\bigr)",
        ],
        stage=stage + data({"steps": marks, "runs": runs}),
        tries=[
            "Choose β = 1 from the first step and move the step from 0 on. When do latents wake up?",
            "Choose a ramp. Where is its KL highest, and what does it do when β reaches 1?",
            "Choose free bits, and look at the smallest bars.",
        ],
        sees=[
            "Under a ramp the code costs nothing at first, so the KL shoots up; it falls as β rises, and what the decoder has learned to use stays.",
            "On data as easy as these digits all four ways end close to each other. Where a decoder can do without z (texts, strong "
            "decoders), β = 1 from the start may leave every latent asleep, which is what ramps are for.",
            "With free bits λ = 0.5, a latent whose mean KL is below 0.5 nats costs the constant 0.5. The gradient of a constant is 0: no force "
            "pulls such a latent to the prior, and so no bar has a reason to go below λ.",
        ],
        proved={
            "objectives.Ramp": "the ramp",
            "objectives.Cycles": "one ramp after another",
            "objectives.Elbo": "free bits, and where their gradient is 0",
        },
    )  # fmt: skip


def relaxation(atlas: Atlas) -> Page:
    """A Gumbel temperature."""
    noise = np.random.default_rng(5).standard_exponential((400, 3)).round(5)
    stage = f"""<div id="play" class="stage two"><div>
{plot("triangle", "Four hundred relaxed choices as points of a triangle, whose corners are the three choices.")}</div>
<div class="sliders">{slider("temperature", "temperature λ (power of ten)", -1.5, 1, -0.3)}
{slider("l0", "logit of choice 1", -3, 3, 0.5)}{slider("l1", "logit of choice 2", -3, 3, 0)}{slider("l2", "logit of choice 3", -3, 3, -0.5)}
{plot("shares", "For each choice its probability, and how often it is the largest entry of a draw.")}</div></div>
<table class="numbers"><caption>What the relaxation does to an expectation: f(y) = (y₁ + 2 y₂ + 4 y₃)², 400 draws, λ = {value("temperature", 3)}</caption>
<thead><tr><th scope="col"></th><th scope="col">exact choices</th><th scope="col">relaxed</th><th scope="col">deviation of one draw</th></tr></thead><tbody>
<tr><th scope="row">E f</th><td>{value("exact", 3)}</td><td>{value("relaxed", 3)}</td><td></td></tr>
<tr><th scope="row">∂E f/∂l₁</th><td>{value("slope", 3)}</td><td>{value("found", 3)}</td><td>{value("noise", 3)}</td></tr>
<tr><th scope="row">mean of the largest entry</th><td>1</td><td>{value("largest", 3)}</td><td></td></tr></tbody></table>"""
    return _page(
        atlas,
        "gumbel",
        "A choice that lets gradients through",
        "A draw among three has no derivative. A relaxed draw has one, and pays for it with a bias. The temperature sets the price.",
        equations=[r"y=\mathrm{softmax}\Bigl(\frac{\ell+g}{\lambda}\Bigr),\qquad g_k=-\log E_k,\;E_k\sim\mathrm{Exponential}(1)"],
        stage=stage + data({"noise": noise.tolist(), "worth": [1, 2, 4]}),
        tries=[
            "Lower the temperature: points run into the corners. Raise it: they gather in the middle.",
            "Watch the bars while the temperature changes. Do they move?",
            "Compare the two columns of the table, and the deviation, at λ = 0.1 and at λ = 3.",
        ],
        sees=[
            "The largest entry is the k-th with probability softmax(l)ₖ, whatever the temperature. So the bars stay as they are.",
            "At a high temperature the mean of f is wrong: f of a blend is not the blend of f. This bias vanishes as λ → 0.",
            "The gradient carries the factor 1/λ. At a low temperature most draws have a gradient of almost 0, and a few a huge one: the deviation grows.",
            "Training with relaxed choices therefore does not report a bound. The library calls that number a surrogate.",
        ],
        proved={
            "distributions.concrete.reparameterize": "the relaxed draw and its gradient",
            "posteriors.GumbelSoftmax": "relaxed in training, exact in evaluation",
            "demos/19_discrete": "the bias beside the truth",
        },
    )  # fmt: skip


def bound(atlas: Atlas) -> Page:
    """The bound against log p(x), q dragged."""
    stage = f"""<div id="play" class="stage two"><div>{plot("densities", "The prior, the exact posterior p(z|x), and q, which can be dragged.")}
{plot("sum", "Three bars in nats: the bound and the KL to the posterior together are as long as log p(x).")}</div>
<div class="sliders">{slider("m", "mean of q", -3, 3, -1)}{slider("s", "log σ² of q", -5, 1.5, -0.5)}
{choices("decoder", "decoder", {"linear": "E[x|z] = w z", "square": "E[x|z] = w (z² − 1)"})}
{slider("x", "the data, x", -3, 3, 1.5)}{slider("w", "weight w", 0, 3, 1.2)}{slider("sigma", "σ of p(x|z)", 0.2, 1.5, 0.6)}
{buttons(climb="let q climb the bound")}</div></div>
<p class="big">bound {value("bound", 4)} + KL(q ‖ p(z|x)) {value("gap", 4)} = {value("total", 4)} &nbsp; log p(x) = {value("evidence", 4)}</p>
<p class="big"><small>bound = E<sub>q</sub>[log p(x|z)] {value("reconstruction", 4)} − KL(q ‖ p(z)) {value("prior", 4)}; its slope by m is
{value("dm", 4)}, by log σ² {value("ds", 4)}; and ∫ q(z) log p(x) dz = {value("evidence2", 4)}</small></p>"""
    return _page(
        atlas,
        "bound",
        "The bound and log p(x)",
        "Drag q. The bound changes, log p(x) does not, and what is between them is the KL from q to the posterior.",
        equations=[
            r"\log p(x)=\underbrace{\mathbb E_q[\log p(x\mid z)]-\mathrm{KL}(q\,\|\,p(z))}_{\text{bound}}+\mathrm{KL}\bigl(q\,\|\,p(z\mid x)\bigr)",
            r"\int q(z)\log p(x)\,dz=\log p(x)\int q(z)\,dz=\log p(x)",
        ],
        stage=stage,
        tries=[
            "Drag q onto the posterior. When is the bound equal to log p(x)?",
            "Let q climb: it follows the slope of the bound, and never looks at the posterior.",
            "Switch to the second decoder with x > 0, whose posterior has two hills. Let q climb again.",
        ],
        sees=[
            "log p(x) has no z in it. The mean of a constant under any q is that constant, and so no q can move the bar of log p(x).",
            "To make the bound larger is to make KL(q ‖ p(z|x)) smaller, by the same amount, because their sum stays. That is why "
            "an encoder can be trained towards a posterior that nobody can compute.",
            "A Gaussian q fits the posterior of the linear decoder exactly. Of two hills it takes one: the KL from q punishes q where the posterior is "
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
    """A saturated logit."""
    stage = f"""<div id="play" class="stage two"><div>{plot("value", "log p(x) against the logit, by the logit, and by the probability, which breaks off.")}
{plot("slope", "Its gradient against the logit, both ways.")}</div>
<div class="sliders">{slider("l", "logit l", -120, 120, 30, step=1, digits=0)}{choices("x", "the pixel x", {"0": "0", "1": "1"})}
<table class="numbers"><caption>Computed in numbers of 32 bits</caption><thead><tr><th scope="col"></th><th scope="col">from the logit</th>
<th scope="col">from the probability</th></tr></thead><tbody><tr><th scope="row">log p(x)</th><td>{value("byLogit", 4)}</td><td>{value("byProbability", 4)}</td></tr>
<tr><th scope="row">gradient</th><td>{value("slopeByLogit", 4)}</td><td>{value("slopeByProbability", 4)}</td></tr></tbody></table></div></div>"""
    return _page(
        atlas,
        "logit",
        "A saturated logit",
        "A decoder that is very sure, and wrong. From its logit the loss is exact; from its probability it is infinite.",
        equations=[
            r"\log p(x)=x\,\ell-\mathrm{softplus}(\ell),\qquad \frac{\partial\log p(x)}{\partial \ell}=x-\sigma(\ell)",
            r"\text{instead of}\quad x\log\sigma(\ell)+(1-x)\log(1-\sigma(\ell))",
        ],
        stage=stage,
        tries=[
            "Raise the logit from 0 with x = 0. At which logit does the probability become exactly 1?",
            "Go below −104 with x = 1.",
            "Look at the gradient there.",
        ],
        sees=[
            "Of 32 bits, some 24 hold the digits of a number. At l = 17 the probability σ(l) is nearer to 1 than to any other such number, "
            "so 1 − σ(l) is 0 and its logarithm −∞. The gradient is 0 · ∞, which is no number.",
            "From the logit nothing is lost: the value is −l, and the gradient −1. A wrong pixel always pulls with its full force.",
            "When the decoder is right the gradient is 0, and this is as it should be. A saturated logit that is wrong is never stuck.",
        ],
        proved={
            "distributions.bernoulli.log_prob": "by logits",
            "ops.softplus": "log(1 + eˡ) without overflow",
            "likelihoods.Bernoulli": "the likelihood whose parameters are logits",
        },
    )  # fmt: skip
