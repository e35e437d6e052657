"""Latents that are choices: codes of a codebook, and categories by the Gumbel trick, beside exact results.

    choice       k = argmax_i (l_i − log E_i), E ~ Exp(1)         k has the probability softmax(l)_k
    relaxed      x = softmax((l − log E)/λ)                       a point of the simplex, which a gradient passes through
    quantized    z = e_k, k = argmin_i ‖z_e − e_i‖                z_e is what the encoder puts out, e the codebook
    in depth     r_t = r_(t−1) − e_t, r_0 = z_e                   each code is the nearest to what is left over
    bound        log p(x) ≥ E_q[log p(x|z)] − KL(q ‖ p)           at draws from q itself, and at no others

The first part makes one choice among three, whose gradient is known. The gradient of the relaxation is
biased: a lower temperature makes it less biased, but more noisy. The second part has a decoder that is right
only halfway between its two codes. At relaxed draws log p(x|z) − KL exceeds log p(x), so that it is no bound,
though many programs report it as one. The third part quantizes numbers in depth: the first
code adds or subtracts ½, the next one ¼, and so on, as binary digits do. The last part has digits by several
kinds of discrete latents. For the codebook the KL is −log p(code), which is G log K under a uniform prior. It
is less under a prior that has learned how often each code is used, or which codes go together.

    python 19_discrete.py [--quick] [--seed N] [--out FOLDER]

Sources: van den Oord, Vinyals & Kavukcuoglu 2017, "Neural Discrete Representation Learning"; Jang, Gu & Poole
2017, "Categorical Reparameterization with Gumbel-Softmax"; Maddison, Mnih & Teh 2017, "The Concrete
Distribution"; Lee et al. 2022, "Autoregressive Image Generation using Residual Quantization".
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from scratchvae import data, evaluation, plots, recipes
from scratchvae.data import Batch
from scratchvae.layers import Linear, Mode
from scratchvae.likelihoods import Gaussian
from scratchvae.models import VAE, fit_prior
from scratchvae.objectives import Elbo, Iwae
from scratchvae.posteriors import GumbelSoftmax, VectorQuantized
from scratchvae.priors import OneHot

SIDE, GROUPS, CODES, DEPTH = 16, 4, 16, 3
MODELS = {  # latents, posterior, prior
    "codebook, by gradients": (16, f"vq(codes={CODES}, groups={GROUPS})", "codes"),
    "codebook, by averages": (
        16,
        f"vq(codes={CODES}, groups={GROUPS}, decay=0.98, revive=30)",
        "codes(learned=True)",
    ),
    "codebook, three deep": (
        16,
        f"vq(codes={CODES}, groups={GROUPS}, depth={DEPTH}, decay=0.98, revive=30)",
        "codes(learned=True)",
    ),
    "choices, relaxed": (
        64,
        f"gumbel_softmax({CODES}, temperature=ramp(1, 0.5, 300))",
        "one_hot(learned=True)",
    ),
    "choices, straight through": (
        64,
        f"gumbel_softmax({CODES}, straight_through=True)",
        "one_hot(learned=True)",
    ),
}


def bias_of_the_relaxation(seed, draws):
    """∂/∂l E[f(z)] of one choice, f(z) = f·z + ½ zᵀAz, by relaxed estimates, and the true slope."""
    logits, f = np.array([[0.4, -0.3, 0.8]]), np.array([1.0, -2.0, 0.5])
    A = np.array([[0, 3, -2], [3, 0, 1], [-2, 1, 0.0]])
    p = np.exp(logits[0]) / np.exp(logits[0]).sum()
    truth = p * (f - p @ f)
    print(f"One choice among three: the slope of E[f(z)] is {truth[0]:.4f}, {truth[1]:.4f}, {truth[2]:.4f}")
    print("  temperature     bias    deviation of one draw")
    noise = np.random.default_rng(seed).standard_exponential((draws, 3))
    found = []
    for temperature in (2.0, 1.0, 0.5, 0.25):
        q = GumbelSoftmax(1, 3, temperature=temperature)
        copies = np.repeat(logits, draws, axis=0)
        z, pullback = q.sample(copies, noise=noise, mode=Mode(np.random.default_rng(0)))
        slopes = pullback(f + z @ A)
        bias, spread = np.linalg.norm(slopes.mean(axis=0) - truth), np.sqrt(slopes.var(axis=0).sum())
        found.append((bias, spread))
        print(f"  {temperature:<11g}{bias:9.4f}{spread:12.3f}")
    falls = all(hot[0] > cold[0] and hot[1] < cold[1] for hot, cold in pairwise(found))
    print(f"Colder is less biased and noisier: {'yes' if falls else 'no'}   (expected: yes)")


def no_bound(seed):
    """The loss of relaxed draws, and the bound of one-hot ones, of a model whose log p(x) is known."""
    decoder = Linear(2, 1, rng=0)
    decoder.weight.value, decoder.bias.value = np.array([[2.0], [-2.0]]), np.zeros(1)
    encoder = Linear(1, 2, rng=0)
    encoder.weight.value, encoder.bias.value = np.zeros((1, 2)), np.zeros(2)
    q, p = GumbelSoftmax(1, 2, temperature=2.0), OneHot(1, 2)
    model = VAE(
        event_shape=(1,), encoder=encoder, posterior=q, prior=p, decoder=decoder, likelihood=Gaussian(0.5)
    )
    x = Batch(np.zeros((2000, 1)))
    log_px = -0.5 * np.log(2 * np.pi * 0.5) - 4 / (2 * 0.5)
    noise = q.draw_noise(2000, np.random.default_rng(seed)).astype(np.float64)
    relaxed, _ = Elbo()(model, x, noise, mode=Mode(np.random.default_rng(0)))
    one_hot, _ = Elbo()(model, x, noise)
    print(f"\nA decoder that is right halfway between its codes, at x = 0: log p(x) = {log_px:.4f}")
    print(
        f"  log p(x|z) − KL at relaxed draws   {relaxed.terms['surrogate'].mean():.4f}   (expected: above "
        "it, so no bound)"
    )
    print(
        f"  log p(x|z) − KL at one-hot draws   {one_hot.terms['bound'].mean():.4f}   (expected: "
        f"{log_px:.4f}, as q is p(z|x))"
    )


def binary_digits(depth):
    """Quantize numbers of (−1, 1) by the codes ±2⁻ᵗ at depth t, and print the mean square of what is left."""
    q = VectorQuantized(1, 2, depth=depth, shared=False)
    q.codebooks.value = (0.5 ** np.arange(1, depth + 1)[:, None, None] * [[-1.0], [1.0]]).astype(np.float32)
    numbers = np.linspace(-1, 1, 100_001, dtype=np.float32)[:, None]
    left = numbers - q.code(numbers).cumsum(axis=1)
    print("\nNumbers from −1 to 1, and the codes ±½, ±¼, … in depth: the mean square of what is left over")
    print("  after codes  ", "".join(f"{t:10d}" for t in range(1, depth + 1)))
    print("  found        ", "".join(f"{error:10.6f}" for error in (left**2).mean(axis=0)))
    print("  expected     ", "".join(f"{4.0**-t / 3:10.6f}" for t in range(1, depth + 1)), "  (4⁻ᵗ/3)")


def left_over(model, examples):
    """The mean square of z_e, and of what is left of it after each depth of a trained model's codes."""
    q = model.posterior
    z_e, _ = model.encoder(model.seen(examples.batch(slice(None))))
    codes = q.code(z_e).reshape(len(z_e), GROUPS, q.depth, -1)
    left = z_e.reshape(len(z_e), GROUPS, 1, -1) - codes.cumsum(axis=2)
    return [(z_e**2).mean(), *(left**2).mean(axis=(0, 1, 3))]


def main(argv=None):
    parser = argparse.ArgumentParser(description="Discrete latents: codebooks and Gumbel-softmax.")
    parser.add_argument("--quick", action="store_true", help="a quarter of the training")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_19",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    n_train, epochs = (2000, 8) if options.quick else (6000, 20)
    options.out.mkdir(parents=True, exist_ok=True)

    bias_of_the_relaxation(options.seed, 50_000 if options.quick else 200_000)
    no_bound(options.seed)
    binary_digits(5)

    # ------------------------------------------------------------------------------------------------- digits

    digits = data.glyphs(n_train + 500, characters="0123456789", seed=options.seed, size=SIDE)
    train, test = digits.split(500, last=True)
    print(f"\n{GROUPS} choices among {CODES}, {len(train)} digits, {len(test)} held out; nats of an example")
    print("                             log p(x|z)       KL    bound   of 20 draws   perplexity")
    models = {}
    for name, (latents, posterior, prior) in MODELS.items():
        model = recipes.mlp(
            train.event_shape,
            latent_dim=latents,
            hidden=200,
            posterior=posterior,
            prior=prior,
            seed=options.seed,
        )
        models[name] = model.fit(train, epochs=epochs, batch_size=50, learning_rate=2e-3, seed=options.seed)
        rng = np.random.default_rng(options.seed)
        means = evaluation.bound(model, test, model.default_objective(), rng=rng)
        many = evaluation.bound(model, test, Iwae(20), rng=rng)["bound"]
        used = evaluation.perplexity(evaluation.code_usage(model, test)).mean()
        print(
            "  "
            f"{name:<27}{means['log_px']:9.3f}{means['kl']:9.3f}{means['bound']:9.3f}{many:14.3f}{used:13.1f}"
        )
    uniform = GROUPS * np.log(CODES)
    print(
        f"KL to a uniform prior over codes: G log K = {uniform:.3f}   (expected: the first KL; below it "
        "the second)"
    )
    print("Draws of a codebook's q are all the same code   (expected: bounds of 1 and of 20 draws are equal)")
    left = left_over(models["codebook, three deep"], test)
    print(f"Mean square of z_e, and of what {DEPTH} codes leave of it one by one (expected: it falls):")
    print("  left over    ", "".join(f"{error:10.4f}" for error in left))

    # ---------------------------------------------------------------------------- a prior over codes in order

    draws = {name: model.sample(12, options.seed) for name, model in models.items()}
    print("\nAnother prior, fitted afterwards, in which each code depends on those before it; nats each")
    print("                             log p(x|z)    before       KL    bound")
    for name in ("codebook, by averages", "codebook, three deep"):
        model, objective = models[name], models[name].default_objective()
        before = evaluation.bound(model, test, objective, rng=np.random.default_rng(options.seed))
        fit_prior(model, train, "autoregressive", epochs=2 * epochs, seed=options.seed)
        after = evaluation.bound(model, test, objective, rng=np.random.default_rng(options.seed))
        print(
            f"  {name:<27}{after['log_px']:9.3f}{before['kl']:10.3f}{after['kl']:9.3f}{after['bound']:9.3f}"
        )
        draws[f"{name}, in order"] = model.sample(12, options.seed)
    print("Nothing but the prior has changed   (expected: log p(x|z) as above, and a KL below that before)")

    # ----------------------------------------------------------------------------------------------- pictures

    names, shown = list(models), test.subset(slice(0, 12))
    rows = [shown.batch(slice(None)).x.reshape(-1, SIDE, SIDE)]
    rows += [model.reconstruct(shown).reshape(-1, SIDE, SIDE) for model in models.values()]
    title = "Held-out digits, and what their codes say of them"
    figure = plots.image_grid(np.concatenate(rows), columns=12, title=title, row_labels=["data", *names])
    plots.save(figure, options.out / "reconstructions.png")
    rows = [drawn.reshape(-1, SIDE, SIDE) for drawn in draws.values()]
    title = "Draws from each prior, whose choices know of each other only where they are drawn in order"
    figure = plots.image_grid(np.concatenate(rows), columns=12, title=title, row_labels=list(draws))
    plots.save(figure, options.out / "samples.png")
    print(f"Pictures: {options.out / 'reconstructions.png'}, {options.out / 'samples.png'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
