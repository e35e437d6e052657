"""Whether a latent space is regular: continuity and completeness of an autoencoder and of a VAE.

Both have the same networks. The world is simple enough that the truth is known. One number u ~ N(0, 1) places
a lamp along a row of 32 counters, and each counter clicks or does not:

    x_d ~ Bernoulli(p_d(u)),   p_d(u) = 0.02 + 0.96 exp(−(d − c − 5u)² / 8),   c = 15.5

Both models have one latent. The world itself is such a model, with z = u, and no model can do better than it.

Continuity is measured on paths. A path z(t) from one code to another decodes to x(t) = E[x|z(t)], whose speed
is ‖J(z) z′(t)‖, with J the decoder's Jacobian. A Jacobian-vector product gives the speed at a point, and the sum
of short steps gives the length of the path. The jump of a path is its largest step divided by its mean step, which
is 1 for an even motion.

Completeness compares decoded prior samples with data. Density says whether samples lie where data do, coverage
says whether all data are reached, and MMD² is the squared distance of the two mean embeddings, with the
p-value of a permutation test.

The training of an autoencoder asks for neither, and so its result depends on the first weights. Therefore each
model is trained from several of them. With the default seed some autoencoders tear the row of counters apart.
With another seed all of them may be uneven, but whole. A VAE folds its latent from about one start in fifteen,
and jumps there.

Completeness is measured by two comparisons. The first compares draws x ~ p(x|z), z ~ p(z), with data, and
judges everything. The second compares E[x|z] of z ~ p(z) with E[x|z] of the data's own z ~ q(z|x), and judges
the latent space alone.

No prior fits a VAE's codes as well as the mean of all q(z|x) does. The last table says how many nats less a
code would cost with that prior.

    python 07_regularity.py [--quick] [--seed N] [--out FOLDER]

Sources: Naeem, Oh, Uh, Choi & Yoo 2020, "Reliable Fidelity and Diversity Metrics for Generative Models";
Gretton, Borgwardt, Rasch, Schölkopf & Smola 2012, "A Kernel Two-Sample Test"; Arvanitidis, Hansen & Hauberg
2018, "Latent Space Oddity".
"""

import argparse
from pathlib import Path
from statistics import NormalDist

import numpy as np

from scratchvae import plots, recipes
from scratchvae.data import Dataset
from scratchvae.evaluation import (
    density_and_coverage,
    even_grid,
    expectation_by_quadrature,
    expected_coverage,
    log_q_on_grid,
    regularity,
    two_sample_test,
)
from scratchvae.priors import VampPrior
from scratchvae.training import Cosine

COUNTERS = 32
BATCH = 128
PAIRS, STEPS = 100, 64
EXAMPLES = 200  # whose codes make a prior
ROWS = 48  # of the pictures of a decoder


def lamp(u):
    """p_d(u) of u (N,)  ->  (N, 32)."""
    middle = (COUNTERS - 1) / 2 + 5 * u[:, None]
    return 0.02 + 0.96 * np.exp(-((np.arange(COUNTERS) - middle) ** 2) / 8)


def clicks(n, seed):
    """n rows of counters, and the number u behind each."""
    rng = np.random.default_rng(seed)
    u = rng.standard_normal(n)
    return Dataset("clicks", (rng.random((n, COUNTERS)) < lamp(u)).astype(np.float32), factors={"u": u})


def trained(train, kind, epochs, seed):
    """An autoencoder or a VAE, `kind`, with one latent."""
    model = recipes.mlp(
        train.event_shape, latent_dim=1, hidden=(128, 128), activation="silu", model=kind, seed=seed
    )
    steps = epochs * -(-len(train) // BATCH)
    return model.fit(train, epochs=epochs, batch_size=BATCH, learning_rate=Cosine(5e-3, steps), seed=seed)


def normal_quantiles(n):
    """n values of z that share out the mass of N(0, 1) evenly, in increasing order."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


def true_steps(u, rng):
    """‖p(u(t_k)) − p(u(t_k−1))‖ on straight paths between pairs of the true u of examples  ->  (R, T)."""
    ends = rng.permutation(u)[: 2 * PAIRS].reshape(2, PAIRS)
    t = np.linspace(0, 1, STEPS + 1)
    places = ends[0, :, None] + t * (ends[1] - ends[0])[:, None]
    decoded = lamp(places.reshape(-1)).reshape(PAIRS, STEPS + 1, COUNTERS)
    return np.linalg.norm(np.diff(decoded, axis=1), axis=2)


def rates_by_prior(model, x):
    """The rate of a VAE with its own prior, the rate with the aggregate posterior of x (N, D), and a KL.

    The KL is that of the aggregate posterior to the prior. No prior makes the bound of x larger than the
    aggregate posterior 1/N Σ_n q(z|x_n), a VampPrior whose pseudo-inputs are x: ⟨KL(q(z|x) ‖ p)⟩ = ⟨KL(q(z|x)
    ‖ aggregate)⟩ + KL(aggregate ‖ p). Tomczak & Welling 2018, equation 7.
    """
    aggregate = VampPrior(model.event_shape, model.encoder, model.posterior, pseudo_inputs=x)
    q_params, _ = aggregate.components()
    grid = even_grid(1, points=8001)
    log_q, _ = log_q_on_grid(q_params, posterior=model.posterior, grid=grid)
    log_p = {
        "N(0, I)": model.prior.log_prob(grid.z)[0],
        "the mean of all q(z|x)": aggregate.log_prob(grid.z)[0],
    }
    rates = {
        name: expectation_by_quadrature(log_q - of, log_q, grid=grid).mean.mean()
        for name, of in log_p.items()
    }
    normal, mixed = (of[None] for of in log_p.values())
    return rates, expectation_by_quadrature(mixed - normal, mixed, grid=grid).mean[0]


def main(argv=None):
    parser = argparse.ArgumentParser(description="Continuity and completeness of two latent spaces.")
    parser.add_argument(
        "--quick", action="store_true", help="fewer epochs, starts and examples: a few seconds"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", default=4, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_07",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    epochs, starts, tested, permutations, tests = (
        (25, 2, 500, 199, 40) if options.quick else (40, 3, 1000, 999, 200)
    )
    seed = options.seed
    options.out.mkdir(parents=True, exist_ok=True)
    train, test = clicks(4000 + tested, seed).split(tested, last=True)
    rng = np.random.default_rng(seed + 2)

    # -------------------------------------------------------------------------------------- 1. the yardsticks

    print("Two samples of one law: what the measures say when there is nothing to find")
    gauss = rng.standard_normal((2, 1000, 3))
    density, coverage = density_and_coverage(*gauss)
    print(f"  density, Gaussian             {density:6.3f}   (expected: 1)")
    print(
        f"  coverage, Gaussian            {coverage:6.3f}   (expected: {expected_coverage(1000, 1000):.3f})"
    )
    pool = clicks(60 * tests, seed + 3).batch(slice(None)).x.reshape(tests, 2, 30, COUNTERS)
    p = np.array([two_sample_test(a, b, rng=rng, permutations=99).p_value for a, b in pool])
    print(
        f"  share of p ≤ 0.2, {tests:3d} tests    {(p <= 0.2).mean():6.3f}   (expected: 0.200 ± "
        f"{(0.16 / tests) ** 0.5:.3f})"
    )

    # --------------------------------------------------------------------- 2. each model, from several starts

    found, models = {}, {}
    for kind in ("autoencoder", "VAE"):
        for start in range(1, starts + 1):
            name = f"{kind} {start}"
            models[name] = trained(train, kind.lower(), epochs, seed + start)
            settings = {"pairs": PAIRS, "steps": STEPS, "permutations": permutations, "draws": True}
            found[name] = regularity(models[name], test, rng=np.random.default_rng(seed), **settings)
    codes = {name: model.encode(test)[:, 0] for name, model in models.items()}
    for name in ("autoencoder 1", "VAE 1"):
        print(
            f"\n{name}, codes from {codes[name].min():.1f} to {codes[name].max():.1f}   (N(0, 1): about "
            "-3 to 3)"
        )
        print("\n".join(f"  {line}" for line in str(found[name]).splitlines()))

    # ------------------------------------------------------------------------------------------ 3. continuity

    print(
        f"\nContinuity, {PAIRS} paths of {STEPS} steps between codes of test examples: the largest step "
        "over the mean step,"
    )
    print("and the length of all paths by tangents over that by steps")
    print("                         median   95 % below   worst   lengths")
    steps = {"the world": true_steps(test.factors["u"], rng)} | {
        name: one.continuity.steps for name, one in found.items()
    }
    # not from a code to an equal one
    leads = {name: paths[paths.max(axis=1) > 0] for name, paths in steps.items()}
    jumps = {name: paths.max(axis=1) / paths.mean(axis=1) for name, paths in leads.items()}
    for name, of_paths in jumps.items():
        row = (
            f"  jumps, {name:<14} {np.median(of_paths):8.2f} {np.quantile(of_paths, 0.95):12.2f} "
            f"{of_paths.max():7.2f}"
        )
        if name in found:
            along = found[name].continuity
            row += f"   {along.lengths_by_tangents.sum() / along.lengths.sum():7.4f}"
        print(row)
    print(
        "(expected: the world 1, the VAE below 2 from nearly every start, the autoencoder above 2, how "
        "far is luck; lengths 1)"
    )
    worst = [
        max((name for name in found if kind in name), key=lambda name: jumps[name].max())
        for kind in ("auto", "VAE")
    ]
    shown = {name: steps[name] for name in ("the world", *worst)}
    figure = plots.path_speeds(shown, title="How far each step moves the decoded point, least even starts")
    plots.save(figure, options.out / "speeds.png")

    # ---------------------------------------------------------------------------------------- 4. completeness

    print(f"\nCompleteness, {tested} decoded prior samples and {tested} test examples")
    print("                                              density   coverage       MMD²   p")
    test_x, other_x = test.batch(slice(None)).x, clicks(tested, seed + 4).batch(slice(None)).x
    density, coverage = density_and_coverage(test_x, other_x)
    result = two_sample_test(test_x, other_x, rng=rng, permutations=permutations)
    rows = {"the world, draws and the data": (density, coverage, result)}
    for name, one in found.items():
        for partner, close in (
            ("draws and the data", one.to_data),
            ("means and decoded codes", one.to_decoded),
        ):
            rows[f"{name}, {partner}"] = (close.density, close.coverage, close.test)
    for name, (density, coverage, result) in rows.items():
        print(f"  {name:<43} {density:7.2f} {coverage:10.2f} {result.mmd2:10.5f}   {result.p_value:.3f}")
    print(
        "(expected: the VAE as the world, p not small; the autoencoder below in coverage, p at its "
        "least. Clicks have ties:"
    )
    print(
        " on balls' borders lie whole groups of examples, and density against data has the world's value "
        "to meet, not 1)"
    )

    # ----------------------------------------------------------------------- 5. the prior that fits the codes

    print(
        f"\nThe rate of VAE 1, the mean of KL(q(z|x) ‖ p(z)) over {EXAMPLES} test examples, in nats, by "
        "quadrature"
    )
    rates, from_normal = rates_by_prior(models["VAE 1"], test.batch(slice(0, EXAMPLES)).x)
    for name, rate in rates.items():
        limit = f"   (expected: at most log {EXAMPLES} = {np.log(EXAMPLES):.4f})" if name != "N(0, I)" else ""
        print(f"  p(z) is {name:<31} {rate:8.4f}{limit}")
    saved = rates["N(0, I)"] - rates["the mean of all q(z|x)"]
    print(
        f"  what the better prior saves             {saved:8.4f}   (expected: KL(mean q ‖ N(0, I)) = "
        f"{from_normal:.4f})"
    )

    # -------------------------------------------------------------------------------------------- 6. pictures

    u = test.factors["u"]
    over_codes, over_prior = [lamp(np.linspace(u.min(), u.max(), ROWS))], [lamp(normal_quantiles(ROWS))]
    for name, model in models.items():
        sign = int(np.sign(np.corrcoef(codes[name], u)[0, 1]))  # z and −z are as good as each other
        over_codes.append(model.decode(np.linspace(codes[name].min(), codes[name].max(), ROWS)[::sign, None]))
        over_prior.append(model.decode(sign * normal_quantiles(ROWS)[:, None]))
    figure = plots.image_grid(
        np.stack([*over_codes, *over_prior]),
        columns=1 + len(models),
        title="E[x|z], a line of pixels for each z",
        row_labels=["over all codes", "over N(0, 1)"],
        column_labels=["the world", *models],
    )
    plots.save(figure, options.out / "decoders.png")

    far = np.flatnonzero(np.abs(u[::2] - u[1::2]) > 2)[:8]  # neighbours in the data set whose lamps are apart
    strips = [lamp(np.linspace(u[2 * i], u[2 * i + 1], ROWS)) for i in far]
    for name in worst:
        strips += [
            models[name].decode(np.linspace(codes[name][2 * i], codes[name][2 * i + 1], ROWS)[:, None])
            for i in far
        ]
    figure = plots.image_grid(
        np.stack(strips),
        columns=len(far),
        title="Paths between the codes of two examples, from top to bottom",
        row_labels=["the world", *worst],
    )
    plots.save(figure, options.out / "paths.png")
    print(f"Pictures: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
