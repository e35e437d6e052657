"""Play with codes: sliders over the latents of a trained decoder, and the plane of codes."""

import numpy as np

from scratchvae.site import experiments
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.widgets import buttons, canvas, data, lesson, slider, tick, value


def latents(atlas: Atlas) -> Page:
    """Make the page with sliders over the codes of a decoder with eight latents."""
    train, held_out = experiments.digits(6000, experiments.SIDE)
    model = experiments.trained(train, latents=8, hidden=128, epochs=16)
    codes = np.asarray(model.encode(held_out))
    decoder, most, made = experiments.decoder_for_page(model, codes)
    rows = experiments.first_of_each_class(held_out)
    originals = held_out.batch(rows).x
    shown = [
        {"code": codes[i].round(2).tolist(), "grey": experiments.greys(x)}
        for i, x in zip(rows, originals, strict=True)
    ]
    draws = np.random.default_rng(3).normal(size=(40, 8)).round(2).tolist()
    sliders = "".join(
        slider(f"z{j}", f"z<sub>{j + 1}</sub>", -3, 3, 0)
        + '<canvas class="strip" width="216" height="24" aria-hidden="true"></canvas>'
        for j in range(8)
    )
    digits = "".join(
        f'<button type="button" data-digit="{k}" aria-label="the code of a {k}"><canvas class="strip" '
        'width="24" height="24"></canvas></button>'
        for k in range(10)
    )
    payload = {
        **decoder,
        "side": experiments.SIDE,
        "latents": 8,
        "digits": shown,
        "draws": draws,
    }
    return lesson(
        atlas,
        "latent",
        "Eight numbers that make a digit",
        "A decoder turns a code of eight numbers into a picture. Move one of them, and see what it means.",
        equations=[
            r"p(x\mid z)=\prod_d \mathrm{Bernoulli}\bigl(x_d;\,\sigma(\ell_d)\bigr),\qquad "
            r"\ell=W_2\max(0,\,W_1z+b_1)+b_2"
        ],
        stage=f"""<div id="play" class="stage two"><div>
{canvas("picture", 288, "The picture that the decoder makes of the code.")}
{buttons(draw="draw a code from the prior", centre="the middle, z = 0")}
<p>Or begin with the code of a digit that the model has not seen in training:</p><div
class="digits">{digits}</div></div>
<div class="sliders films">{sliders}</div></div>{data(payload)}""",
        tries=[
            "Draw a few codes from the prior N(0, I). Most of them give something like a digit, though "
            "nobody drew it.",
            "Choose a digit, then move one slider slowly. The film beside it shows what that latent does "
            "from where you are.",
            "Look for a latent that changes the thickness of a stroke, and for one that changes nothing at "
            "all.",
        ],
        sees=[
            f"The code has the squared length {value('squared', 2)}. For draws from the prior its mean is 8, "
            "the number of latents.",
            "A small change of the code makes a small change of the picture. The KL term is the reason: it "
            "spreads each example over "
            "a small cloud of codes, so that the decoder has to make sense of the neighbourhood too.",
            "Some latents do little. Their KL is near 0, and so the encoder gives them the prior, whatever "
            "it sees.",
            "The weights in this page are whole numbers of 8 bits. If all roundings pulled one way, this "
            f"could move a pixel's probability by {most:.3f}; at the "
            f"600 held-out codes it moves none by more than {made:.4f}. A test compares the page's own "
            "arithmetic with Python's.",
        ],
        proved={
            "likelihoods.Bernoulli": "what the decoder's output means",
            "layers.Linear": "W z + b",
            "distributions.gaussian.kl_to_standard": "the term that makes neighbours alike",
            "plots.latent_traversals": "the same films, drawn by Python",
        },
    )


def plane(atlas: Atlas) -> Page:
    """Make the page with the plane of codes of a VAE with two latents."""
    train, held_out = experiments.digits(4000, experiments.SIDE, plain=True)
    model = experiments.trained(train, latents=2, hidden=128, epochs=30)
    codes = np.asarray(model.encode(held_out))
    decoder, most, made = experiments.decoder_for_page(model, codes)
    assert held_out.labels is not None
    points = [
        [*map(float, code.round(3)), int(label)] for code, label in zip(codes, held_out.labels, strict=True)
    ]
    words = (
        "The plane of codes from −4 to 4 both ways: each held-out digit stands, as its numeral, at its code."
    )
    return lesson(
        atlas,
        "plane",
        "The plane of codes",
        "With two latents the whole space of codes is a plane. See where the encoder puts six hundred "
        "digits, and what lies between.",
        equations=[
            r"q(z\mid x)=\mathcal N\bigl(\mu(x),\,\mathrm{diag}\,\sigma^2(x)\bigr),\qquad p(z)=\mathcal "
            r"N(0,I)"
        ],
        stage=f"""<div id="play" class="stage wide"><div>
{canvas("plane", 640, words)}</div>
<div>{canvas("picture", 240, "The decoder's picture of the chosen point of the plane.")}
<div class="sliders">{slider("a", "z<sub>1</sub>", -4, 4, 0)}{slider("b", "z<sub>2</sub>", -4, 4, 0)}
{tick("coded", "the codes of held-out digits", on=True)}
{tick("tiled", "what the decoder makes of the plane", on=False)}</div></div></div>
{data({**decoder, "side": experiments.SIDE, "codes": points, "reach": 4})}""",
        tries=[
            "Move over the plane, or use the two sliders. The picture is the decoder's mean at that point.",
            "Go slowly from one class to another. Where do the two mix?",
            "Switch to what the decoder makes of the plane, and compare it with the codes.",
        ],
        sees=[
            "The encoder saw no class in training. Classes stand together because their pictures are alike.",
            "The circles have the radius 1, 2 and 3. The KL term pulls the codes towards N(0, I), most of "
            "which lies within them, "
            "and the reconstruction term keeps unlike pictures apart: where neighbours are unlike, a gap is "
            "left.",
            "Between two classes the picture is a blend. Nothing in the bound asks for a sharp border.",
            "The weights in this page have 8 bits. If all their roundings pulled one way, a pixel could be "
            f"off by {most:.3f}; at these codes the worst is {made:.4f}.",
        ],
        proved={
            "posteriors.DiagonalGaussian": "q(z|x)",
            "evaluation.codes": "E[z|x] of every example",
            "evaluation.completeness": "how few empty places a plane has, measured",
            "evaluation.continuity": "how alike neighbours are, measured",
        },
    )
