"""Play with trainings side by side: β, σ of a Gaussian decoder, and schedules of β."""

from scratchvae.site import experiments
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.widgets import choices, data, lesson, plot, slider, value


def _comparison(title: str, words: str, count: int, start: int, labels: list[str]) -> str:
    rows = {
        "originals": "held-out digits",
        "pictures": "their reconstructions",
        "samples": "eight numbers drawn from the prior, decoded",
    }
    pictures = "".join(
        f'<figure><canvas class="strip" id="{name}" width="160" height="16" role="img" '
        f'aria-label="{text}"></canvas><figcaption>{text}</figcaption></figure>'
        for name, text in rows.items()
    )
    return f"""<div id="play" class="stage two"><div>{plot("curve", words)}
<div class="sliders">{slider("run", title, 0, count - 1, start, step=1, words=labels)}</div></div><div
class="films">{pictures}
{plot("latents", "A bar for the KL of each latent.")}</div></div>"""


def rate(atlas: Atlas) -> Page:
    """Make the page on β against rate and distortion."""
    runs = [experiments.with_beta(beta) for beta in experiments.BETAS]
    _, held_out = experiments.digits(3000, experiments.SMALL)
    targets = held_out.batch(experiments.first_of_each_class(held_out)).x
    stage = _comparison(
        "weight of the KL, β", "Distortion against rate, one point for each β, with the line on which D + β "
                               "R is the same.",
        len(runs), experiments.BETAS.index(1.0), [f"{b:g}" for b in experiments.BETAS],
    )  # fmt: skip
    payload = {
        "kind": "beta",
        "side": experiments.SMALL,
        "runs": [run.for_page() for run in runs],
        "targets": experiments.greys(targets),
    }
    return lesson(
        atlas,
        "rate",
        "β: compression against fidelity",
        "One network, trained seven times. β says how many nats of picture a nat of code has to earn.",
        scripts=("runs",),
        equations=[r"\mathrm{loss}=D+\beta R,\qquad D=-\mathbb E_q[\log p(x\mid z)],\qquad "
                   r"R=\mathrm{KL}(q(z\mid x)\,\|\,p(z)),\qquad -\mathrm{bound}=D+R"],
        stage=stage
        + f"""<p class="big">R = {value("rate", 2)}, D = {value("distortion", 2)}, bound = {value("bound", 2)}
nats, {value("active")} of 8 latents in use</p>"""
        + data(payload),
        tries=[
            "Move β from one end to the other and watch the reconstructions, then the pictures drawn from "
            "the prior.",
            "Find the β with the highest bound.",
            "Compare the dashed line with the curve: where does it touch?",
        ],
        sees=[
            "A small β lets the code say much (R is high) and the pictures are close to the originals. But "
            "codes then fill the space "
            "badly, and what is drawn from the prior is worse.",
            "A large β switches latents off, one after another. A latent is worth keeping only while it "
            "lowers D by β nats for each nat it costs.",
            "At the least loss the curve has the slope dD/dR = −β. So the dashed line, on which D + β R does "
            "not change, is its tangent.",
            "The bound itself is highest near β = 1, because −bound is the loss with β = 1 (up to how far "
            "these short trainings came).",
        ],
        proved={
            "objectives.Elbo": "the loss, with its weight β",
            "evaluation.rate_distortion": "R and D of each run",
            "evaluation.kl_by_latent": "the bars",
            "demos/05_compression": "the curve of an autoencoder, and Shannon's limit",
        },
    )  # fmt: skip


def width(atlas: Atlas) -> Page:
    """Make the page on σ of a Gaussian decoder."""
    runs = experiments.by_sigma()
    _, held_out = experiments.digits(3000, experiments.SMALL)
    targets = held_out.batch(experiments.first_of_each_class(held_out)).x
    stage = _comparison(
        "σ of the decoder", "The bound of each run against the σ it was trained with (green), and log p(x|z) "
                            "of the chosen run's residuals for every σ (orange).",
        len(runs), 3, [f"{s:g}" for s in experiments.SIGMAS],
    )  # fmt: skip
    payload = {
        "kind": "sigma", "side": experiments.SMALL, "entries": experiments.SMALL**2, "best": 0,
        "runs": [run.for_page() for run in runs], "targets": experiments.greys(targets),
    }  # fmt: skip
    return lesson(
        atlas,
        "sigma",
        "σ of a Gaussian decoder",
        "A squared error without its σ is a σ that somebody chose. See what it decides.",
        scripts=("runs",),
        equations=[r"-\log p(x\mid z)=\sum_d\Bigl(\tfrac12\log "
                   r"2\pi\sigma^2+\frac{(x_d-\mu_d(z))^2}{2\sigma^2}\Bigr),\qquad "
                   r"\hat\sigma^2=\frac1D\sum_d\bigl(x_d-\mu_d(z)\bigr)^2"],
        stage=stage
        + f"""<p class="big">σ = {value("setting")}: the error is {value("error", 3)} a pixel, the KL
{value("rate", 2)} nats,
{value("active")} of 8 latents in use<br><small>the σ that would suit these residuals best: {value("own",
3)}</small></p>"""
        + data(payload),
        tries=[
            "Begin at σ = 1, which is what a plain squared error means, and go down.",
            "Find the run whose own best σ is nearest to the σ it was given.",
            "Compare the number of latents in use at σ = 1 and at σ = 0.1.",
        ],
        sees=[
            "The squared error is divided by 2σ². A large σ makes errors cheap, so that the KL wins: codes "
            "say little, and the pictures are blurred.",
            "To change σ² is to change β: the same minimum has β = 2σ² in front of the KL of a plain squared "
            "error.",
            "For given residuals the best σ² is their mean square, where the curve has its top. A learned σ "
            "finds it (Gaussian(learned=True)).",
            "The bounds of different σ can be compared, since each is a log-density with all its constants. "
            "Squared errors can not.",
        ],
        proved={
            "likelihoods.Gaussian": "fixed, or learned",
            "likelihoods.GaussianOptimal": "σ² set to the residuals' mean square in every step",
            "distributions.gaussian.log_prob": "the density and its three gradients",
            "demos/04_likelihoods": "every likelihood on one data set",
        },
    )  # fmt: skip


def annealing(atlas: Atlas) -> Page:
    """Make the page on recorded schedules of β."""
    marks, runs = experiments.by_schedule()
    for run in runs:
        run["kl"], run["bound"] = ([round(v, 3) for v in run[name]] for name in ("kl", "bound"))
    stage = f"""<div id="play" class="stage two"><div>{plot("weight", "The weight of the KL, β, by step.")}
{plot("terms", "The KL of held-out digits by step: the chosen schedule in green, the others in grey.")}</div>
<div class="sliders">{choices("schedule", "schedule", {str(k): run["words"] for k, run in enumerate(runs)})}
{slider("at", "step", 0, len(marks) - 1, len(marks) - 1, step=1, words=[str(m) for m in marks])}
{plot("latents", "A bar for the KL of each latent at that step.")}
<p class="big">At step {value("step")}: β = {value("beta", 2)}, KL {value("kl", 2)} nats in {value("active")}
latents, bound {value("bound", 1)}</p></div></div>"""
    return lesson(
        atlas,
        "annealing",
        "Annealing: how the KL comes in",
        "In the first steps the decoder knows nothing, and a code is only a cost. Four ways of waiting, "
        "recorded.",
        equations=[
            r"\mathrm{loss}_t=-\langle\log p(x\mid z)\rangle+\beta(t)\,\mathrm{KL},\qquad "
            r"\beta(t)=\min(1,\;t/T)",
            r"\text{with free bits: }\;\mathrm{KL}=\sum_j\max\bigl(\lambda,\;\langle "
            r"\mathrm{kl}_j\rangle\bigr)",
        ],
        stage=stage + data({"steps": marks, "runs": runs}),
        tries=[
            "Choose β = 1 from the first step and move the step from 0 on. When do latents wake up?",
            "Choose a ramp. Where is its KL highest, and what does it do when β reaches 1?",
            "Choose free bits, and look at the smallest bars.",
        ],
        sees=[
            "Under a ramp the code costs nothing at first, so the KL shoots up; it falls as β rises, and "
            "what the decoder has learned to use stays.",
            "On data as easy as these digits all four ways end close to each other. Where a decoder can do "
            "without z (texts, strong "
            "decoders), β = 1 from the start may leave every latent asleep, which is what ramps are for.",
            "With free bits λ = 0.5, a latent whose mean KL is below 0.5 nats costs the constant 0.5. The "
            "gradient of a constant is 0: no force "
            "pulls such a latent to the prior, and so no bar has a reason to go below λ.",
        ],
        proved={
            "objectives.Ramp": "the ramp",
            "objectives.Cycles": "one ramp after another",
            "objectives.Elbo": "free bits, and where their gradient is 0",
        },
    )  # fmt: skip
