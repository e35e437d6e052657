"""A Helmholtz machine: one network dreams, one recognizes, and each learns from the draws of the other.

    generation     p(x, h) = p(h_L) p(h_{L−1}|h_L) … p(x|h_1)          every unit 0 or 1, each law Bernoulli(σ(W h + b))
    recognition    q(h|x)  = q(h_1|x) q(h_2|h_1) … q(h_L|h_{L−1})       the same, from the bottom up

No noise can be reparameterized here, since units are 0 or 1. The 2^H states of a large machine are too many to
sum over. The states of a small machine are few, and then every number below is exact:

    log p(x) = bound + KL(q(h|x) ‖ p(h|x)),     bound = Σ_h q(h|x) (log p(x, h) − log q(h|x))     for every q

Wake-sleep has two phases. In the wake phase h ~ q(h|x) for data x, and p climbs log p(x, h), which is the
bound's own slope. In the sleep phase (x, h) ~ p is a dream, and q climbs log q(h|x). So q descends KL(p ‖ q) at
dreams, which is not the bound's slope.

Reweighted wake-sleep takes K draws of q for each x, with the weights w̃_k ∝ p(x, h_k) / q(h_k|x). p climbs
Σ_k w̃_k log p(x, h_k), whose slope tends to that of log p(x) as K grows. q climbs Σ_k w̃_k log q(h_k|x), and
log q(h|x) of dreams as above.

The data are bars in 4 x 4 pixels. They are upright with probability 2/3 and lying otherwise, and each of four
bars is on with probability 0.2. Only 30 images have a probability, their entropy H is known, and no model has a
mean log p(x) above −H.

    python 12_helmholtz_machine.py [--quick] [--seed N] [--out FOLDER]

Sources: Dayan, Hinton, Neal & Zemel 1995, "The Helmholtz machine"; Hinton, Dayan, Frey & Neal 1995, "The
wake-sleep algorithm for unsupervised neural networks"; Bornschein & Bengio 2015, "Reweighted Wake-Sleep".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import data, plots, recipes
from scratchvae.evaluation import binary_states, bound, enumerate_hidden, log_likelihood
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import Wake
from scratchvae.training import Cosine

BARS_BATCH, BARS_RATE = 20, 0.1
BARS_LAYERS = (8, 1)  # the paper's machine: a unit for each bar, one above them for the orientation
# the first biases of pixels and of h₁: a pixel is off unless a unit turns it on, and few units are on
OFF, RARE = -3.0, -2.0
SAMPLES = 5  # draws of reweighted wake-sleep
ALGORITHMS = {"wake-sleep": "wake_sleep", "reweighted wake-sleep": "reweighted_wake_sleep"}
SIDE, LAYERS, BATCH = 16, (200, 100, 20), 50


def exactly(seed):
    """Section 1: a machine of random weights, all its x and h, and several q for one p."""
    model = recipes.belief_net((4,), layers=(3, 2), seed=seed)
    cast(model, np.float64)
    rng = np.random.default_rng(seed)
    x = binary_states(4)
    print("A machine of 4 + 3 + 2 units and random weights, all 16 x and 32 h enumerated, for five q")
    print(
        "      q    Σ_x p(x)    log p(x) of x = 0110 = bound + KL          largest |log p − bound − KL|  "
        " (expected: 0)"
    )
    p = {
        name: rng.standard_normal(parameter.value.shape)
        for name, parameter in named_parameters(model).items()
    }
    evidences, divergences = [], []
    for number in range(1, 6):
        for name, parameter in named_parameters(model).items():
            redrawn = rng.standard_normal(parameter.value.shape)
            parameter.value = redrawn if name.startswith("recognition") else p[name]
        exact = enumerate_hidden(model, x)
        evidences.append(exact.log_px)
        divergences.append(exact.kl)
        gap = np.abs(exact.log_px - exact.bound - exact.kl).max()
        line = f"{exact.log_px[6]:14.6f} = {exact.bound[6]:.6f} + {exact.kl[6]:.6f}"
        print(f"  {number:5d}    {np.exp(exact.log_px).sum():.6f}    {line}   {gap:28.1e}")
    print(f"Largest change of log p(x) from q to q: {np.ptp(evidences, axis=0).max():.1e}   (expected: 0)")
    print(f"Smallest KL: {np.min(divergences):.4f}   (expected: positive)")


def learn_bars(n, epochs, seed):
    """Section 2: both algorithms on the same bars.

    It returns the models, the steps at which they were judged, and log p(x) there.
    """
    images, p = data.bars_law()
    train = data.bars(n, seed=seed)
    models, curves = {}, {}
    for name, algorithm in ALGORITHMS.items():
        model = models[name] = recipes.belief_net(
            (1, 4, 4), layers=BARS_LAYERS, algorithm=algorithm, samples=SAMPLES, seed=seed
        )
        model.generation[-1].bias.value[:] = OFF
        model.generation[0].bias.value[:] = RARE
        steps, curve = [0], [p @ enumerate_hidden(model, images).log_px]

        def judge(training, event, model=model, steps=steps, curve=curve):
            if event == "epoch":
                steps.append(training.step)
                curve.append(p @ enumerate_hidden(model, images).log_px)

        rate = Cosine(BARS_RATE, epochs * -(-n // BARS_BATCH))
        settings = {"epochs": epochs, "batch_size": BARS_BATCH, "learning_rate": rate, "seed": seed}
        model.fit(train, callbacks=[judge], **settings)
        curves[name] = curve
    return models, steps, curves


def tell_bars(models, curves, steps):
    images, p = data.bars_law()
    entropy = -p @ np.log(p)
    print(
        f"\nBars after {steps[-1]} steps of {BARS_BATCH} images, exact over the {len(p)} images and 512 "
        "h, in nats"
    )
    print(
        f"  law of the bars         mean log p(x) {-entropy:.4f}   (the ceiling, −H; H is "
        f"{entropy / np.log(2):.4f} bits)"
    )
    print(
        "                          mean log p(x) = bound + KL(q ‖ p)   KL(bars ‖ model)   p(any bars)   "
        "untrained KL"
    )
    for name, model in models.items():
        cast(model, np.float64)
        exact = enumerate_hidden(model, images)
        log_px, lower, kl = p @ exact.log_px, p @ exact.bound, p @ exact.kl
        first = -entropy - curves[name][0]
        terms = f"{log_px:13.4f} = {lower:.4f} + {kl:.4f}"
        divergence = -entropy - log_px
        print(
            f"  {name:<22}  {terms}   {divergence:19.4f}   {np.exp(exact.log_px).sum():11.3f}   {first:12.2f}"
        )
        expected = (
            "expected, fully trained: a bit or so by wake-sleep, less reweighted; the nearer 0 the more "
            "bars have a unit"
        )
        print(f"    in bits: {divergence / np.log(2):.3f}   ({expected})")
    return -entropy


def what_units_draw(model):
    """E[x|h_1] with no unit of h_1 on, and with each unit alone on: (9, 4, 4)."""
    alone = np.vstack([np.zeros(BARS_LAYERS[0]), np.eye(BARS_LAYERS[0])])
    return model.inverse_transform(np.hstack([alone, np.zeros((len(alone), sum(BARS_LAYERS[1:])))]))[:, 0]


def shades(x):
    """Units that are on as dark pixels on a pale ground, which the white between images sets off."""
    return 0.9 - 0.9 * x


def some_not_empty(images):
    """The first 18 images (N, 4, 4) of which any pixel is on."""
    return images[images.any(axis=(1, 2))][:18]


def draw_bars(models, steps, curves, ceiling, seed, out):
    """The pictures of section 2."""
    shown = {"bars": data.bars(100, seed=seed + 1).images[:, 0] / 255}
    shown |= {f"dreams, {name}": model.sample(200, seed, mean=False)[:, 0] for name, model in models.items()}
    dreams = np.concatenate([some_not_empty(images) for images in shown.values()])
    title = "What the machines dream, the empty image left out"
    plots.save(
        plots.image_grid(shades(dreams), columns=18, title=title, row_labels=list(shown)),
        out / "bars_dreams.png",
    )
    figure = plots.image_grid(
        shades(np.concatenate([what_units_draw(model) for model in models.values()])),
        columns=1 + BARS_LAYERS[0],
        title="E[x|h₁] with no unit of h₁ on, and with one",
        row_labels=list(models),
        column_labels=["none", *map(str, range(1, BARS_LAYERS[0] + 1))],
    )
    plots.save(figure, out / "bars_units.png")
    words = {"x_label": "steps", "y_label": "nats per image", "title": "Mean log p(x) of bars, exact"}
    series = {name: (steps, values) for name, values in curves.items()}
    figure = plots.lines({"": series}, **words, levels={"−H of the bars: no model is above": ceiling})
    plots.save(figure, out / "bars_learning.png")


def learn_digits(n, epochs, seed, out):
    """Section 3: three hidden layers on digits, whose grey pixels are drawn black or white at each visit."""
    drawn = data.glyphs(
        n + 500, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed, size=SIDE
    )
    train, test = drawn.split(500, last=True)
    rng = np.random.default_rng(seed)
    pixels = np.clip(train.batch(slice(None)).x.mean(axis=0), 1e-3, 1 - 1e-3)
    black_or_white = data.Dataset(
        "digits", data.binarize(test.batch(slice(None)).x, rng).reshape(-1, 1, SIDE, SIDE)
    )
    held_out = black_or_white.batch(slice(None)).x
    independent = (held_out @ np.log(pixels) + (1 - held_out) @ np.log(1 - pixels)).mean()
    model = recipes.belief_net(
        (1, SIDE, SIDE), layers=LAYERS, algorithm="reweighted_wake_sleep", samples=SAMPLES, seed=seed
    )
    model.generation[-1].bias.value = np.log(pixels / (1 - pixels))  # at first near independent pixels
    rate = Cosine(3e-3, epochs * -(-n // BATCH))
    settings = {"epochs": epochs, "batch_size": BATCH, "learning_rate": rate, "seed": seed, "binarized": True}
    model.fit(train, **settings)
    lower = bound(model, black_or_white, Wake(), rng=rng)["bound"]
    units = " + ".join(map(str, LAYERS))
    print(
        f"\nDigits, {SIDE} x {SIDE} pixels black or white, {units} hidden units, {len(test)} images held out"
    )
    print(f"  independent pixels      log p(x) {independent:.2f}")
    print(
        f"  machine                 bound    {lower:.2f}   (expected, fully trained: above independent "
        "pixels)"
    )
    for K in (5, 50):
        estimate = log_likelihood(model, black_or_white, samples=K, rng=np.random.default_rng(seed)).mean()
        print(f"  machine, K = {K:<3}        log p(x) {estimate:.2f}   (expected: rising with K)")
    pictures = [
        test.images[:10] / 255,
        held_out[:10].reshape(-1, 1, SIDE, SIDE),
        model.reconstruct(black_or_white)[:10],
    ]
    dreams = model.sample(30, seed)
    rows = ["data", "black or white", "E[x|h₁], h₁ = E[h₁|x]", "dreams", "", ""]
    figure = plots.image_grid(
        np.concatenate([*pictures, dreams]),
        columns=10,
        title="Digits, recognized and dreamt",
        row_labels=rows,
    )
    plots.save(figure, out / "digits.png")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="A Helmholtz machine, by wake-sleep and by reweighted wake-sleep."
    )
    parser.add_argument("--quick", action="store_true", help="a seventh of the training: a few seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_12",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    (n_bars, epochs), digits = ((2000, 9), (1200, 6)) if options.quick else ((8000, 15), (4000, 20))
    options.out.mkdir(parents=True, exist_ok=True)
    exactly(options.seed)
    models, steps, curves = learn_bars(n_bars, epochs, options.seed)
    ceiling = tell_bars(models, curves, steps)
    draw_bars(models, steps, curves, ceiling, options.seed, options.out)
    learn_digits(*digits, options.seed, options.out)
    print(f"Pictures: {', '.join(sorted(path.name for path in options.out.glob('*.png')))} in {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
