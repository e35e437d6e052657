"""The bound of a network: its gap by quadrature, and what estimating it costs where quadrature cannot go.

    log p(x) = bound(q) + KL(q(z|x) ‖ p(z|x)),      bound(q) = E_q[log p(x|z) + log p(z) − log q(z|x)]

Demo 10 has all of this in closed form. With a decoder that is a network, and one latent, quadrature computes
the integrals: here too log p(x) does not contain z, and minimizing the KL is maximizing the bound. With more
latents the bound, which is a mean over q, is estimated by draws from q. The encoder's gradient is then the
gradient of a mean by the parameters of its own law. Two estimators of it are right on average:

    reparameterized   z = m + σ ε:  E_ε[∂f/∂z ∂z/∂φ]          f = log p(x|z) + log p(z) − log q(z|x)
    score function    E_q[(f − b) ∂log q/∂φ]        any b that does not contain this z: here the other draws' mean f

    python 13_the_bound_of_a_network.py [--quick] [--seed N] [--out FOLDER]

Sources: Kingma & Welling 2014, "Auto-Encoding Variational Bayes", sections 2.2 and 2.3; Opper & Archambeau
2009 (the best Gaussian q); Cremer, Li & Duvenaud 2018 (what the encoder leaves on the way to it); Williams
1992 (the score function); Burda, Grosse & Salakhutdinov 2016 (more draws).
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from scratchvae import evaluation, plots, recipes
from scratchvae.data import Batch
from scratchvae.distributions import gaussian
from scratchvae.layers import cast
from scratchvae.likelihoods import Gaussian
from scratchvae.objectives import Elbo, Iwae, SampledElbo, ScoreFunctionElbo, closed_form_kl
from scratchvae.training import Cosine

DRAWS = 2  # draws of each example, where gradients are estimated
GRID = {"reach": 15.0, "points": 2001}  # the grid of the latent
X = np.array([[-1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.0, 0.3]])
AT = 1  # the index of the x whose integrands are drawn


def arc(n, rng):
    """n points (N, 2) on half a circle, and a little beside it."""
    t = np.pi * rng.random(n)
    return np.stack([np.cos(t), np.sin(t)], axis=1) + 0.05 * rng.standard_normal((n, 2))


def log_likelihood_at(model, z, x):
    """log p(x|z) of one x at every z (K, 1)."""
    x_params, _ = model.decoder(z)
    return model.likelihood.log_prob(x_params, x=np.broadcast_to(x, (len(z), len(x))))[0]


def bound_over_noise(model, q_params, x):
    """The bound of one x for each row of q_params, by even steps of the noise, without a grid of z."""
    noise = np.linspace(-8, 8, 1001)
    weights = np.exp(-0.5 * noise**2) / np.exp(-0.5 * noise**2).sum()
    (mean, log_var), _ = model.posterior.mean_and_log_var(q_params)
    z = (mean + np.exp(log_var / 2) * noise).reshape(-1, 1)
    log_joint = log_likelihood_at(model, z, x) + model.prior.log_prob(z)[0]
    return log_joint.reshape(len(mean), -1) @ weights + gaussian.entropy(log_var)[0]


def the_sum(model, found, q_params):
    """Part 1: the bound over the noise, the KL over the latents, and log p(x)."""
    bound = np.concatenate([bound_over_noise(model, q_params[i : i + 1], x) for i, x in enumerate(X)])
    print(
        "A VAE with one latent on points of half a circle, four x, by quadrature   (expected: the last "
        "two agree)"
    )
    print("            x        bound + KL(q ‖ p(z|x)) =      sum    log p(x)")
    for point, b, gap, log_px in zip(X, bound, found.kl_to_posterior, found.log_px, strict=True):
        print(f"  ({point[0]:5.2f}, {point[1]:4.2f}) {b:10.5f} {gap:17.5f} {b + gap:11.5f} {log_px:11.5f}")
    off = np.abs(bound + found.kl_to_posterior - found.log_px).max()
    print(f"  largest difference: {off:.1e}   (expected: below 1e-6)")


def no_z_in_it(model, found, q_params, rng, n):
    """Part 2: the mean of log p(x) under several q, and p(z|x) from draws that do not use log p(x)."""
    one, log_px = slice(AT, AT + 1), found.log_px[AT]
    print(
        f"\nlog p(x) = log p(x, z) − log p(z|x) at x = (0, 1)   (expected: {log_px:.5f} and deviation 0, "
        "for every q)"
    )
    rows = {"the prior": [0.0, 0.0], "a wrong q": [1.0, -1.0], "the encoder's q": q_params[AT]}
    for name, row in rows.items():
        log_q, _ = evaluation.log_q_on_grid(np.array([row]), posterior=model.posterior, grid=found.grid)
        flat, varying = (
            evaluation.expectation_by_quadrature(found.log_joint[one] - other, log_q, grid=found.grid)
            for other in (found.log_posterior[one], log_q)
        )
        means = f"∫ q log p(x) dz {flat.mean[0]:.5f}, deviation {flat.deviation[0]:.1e}"
        print(f"  {name:<16} {means}; bound {varying.mean[0]:10.5f}, deviation {varying.deviation[0]:.1e}")
    # z ~ p(z), kept with a probability proportional to p(x|z), is a draw of p(z|x)
    z = rng.standard_normal((n, 1))
    log_px_z = log_likelihood_at(model, z, X[AT])
    kept = z[np.log(rng.random(n)) < log_px_z - log_px_z.max(), 0]
    spacing, half = found.grid.cell, len(kept) // 2  # half of the draws choose the bins, half are counted
    edges = [
        -np.inf,
        *((np.floor(np.quantile(kept[:half], [1 / 3, 2 / 3]) / spacing) + 0.5) * spacing),
        np.inf,
    ]
    shares = np.histogram(kept[half:], edges)[0] / len(kept[half:])
    p, on = np.exp(found.log_joint[AT]) * spacing, found.grid.z[:, 0]
    by_bin = [
        np.log(p[(a < on) & (on < b)].sum() / s) for (a, b), s in zip(pairwise(edges), shares, strict=True)
    ]
    errors = np.sqrt((1 - shares) / (shares * len(kept[half:])))
    print(
        "  This p(z|x) is p(x, z) over its integral, which is why. Draws of p(z|x), by rejection, know "
        "no integral:"
    )
    bins = "  ".join(f"{value:.3f} ± {error:.3f}" for value, error in zip(by_bin, errors, strict=True))
    print(f"  log p(x, bin) − log p(bin|x) in three bins of z: {bins}   (expected: {log_px:.3f})")


def climb(model, found, steps):
    """Part 3: q climbs the bound for each x by itself; the picture's panels."""
    grid, posterior = found.grid, model.posterior

    def bound(q_params):
        return evaluation.bound_on_grid(q_params, posterior=posterior, log_joint=found.log_joint, grid=grid)

    # −∂² log p(x, z)
    bends = -np.gradient(np.gradient(found.log_joint, grid.z[:, 0], axis=1), grid.z[:, 0], axis=1)
    start, rate = np.tile([1.0, -4.0], (len(X), 1)), np.array([1 / np.abs(bends).max(), 0.1])
    climbed = evaluation.ascend(bound, start, steps=steps, rate=rate)
    print(
        f"\nFrom N(1, e⁻⁴) q climbs by {steps} steps, for each x by itself, while the encoder has to "
        "serve them all"
    )
    print(
        "            x    KL: start   encoder's q    the end   |bound + KL − log p(x)|   −σ² E_q[∂² log "
        "p(x, z)]"
    )
    panels = {}
    for i, x in enumerate(X):
        path = climbed.q_params[:, i]
        log_q, _ = evaluation.log_q_on_grid(path, posterior=posterior, grid=grid)
        kl = evaluation.expectation_by_quadrature(log_q - found.log_posterior[i], log_q, grid=grid).mean
        rising, step = bound_over_noise(model, path, x), np.arange(1, steps + 2)
        bend = evaluation.expectation_by_quadrature(bends[i : i + 1], log_q[-1:], grid=grid).mean[0] * np.exp(
            path[-1, 1]
        )
        off, kls = np.abs(rising + kl - found.log_px[i]).max(), (kl[0], found.kl_to_posterior[i], kl[-1])
        numbers = f"{kls[0]:10.4f} {kls[1]:12.5f} {kls[2]:12.5f} {off:17.1e} {bend:24.4f}"
        print(f"  ({x[0]:5.2f}, {x[1]:4.2f}) {numbers}")
        curves = {"bound": rising, "KL(q ‖ p(z|x))": kl, "their sum, log p(x)": rising + kl}
        panels[f"x = ({x[0]:g}, {x[1]:g})"] = {name: (step, curve) for name, curve in curves.items()}
    print(
        "  (expected: the end below the encoder's q; 0 to rounding on all of the way; 1 at the best Gaussian)"
    )
    return panels


def estimators(draws, seed):
    """Part 5: E‖g − E g‖² of each estimator of the encoder's gradient, early in training; returns curves."""
    rng = np.random.default_rng(seed + 1)
    factors = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 32))
    points = (0.5 * factors + 0.3 * rng.normal(size=(400, 32))).astype(np.float32)
    batch = points[:20].astype(np.float64)
    twice = np.repeat(batch, DRAWS, axis=0)  # Elbo takes one draw of each example
    kinds = {
        "reparameterized, KL in closed form": (Elbo(), twice),
        "reparameterized, KL sampled": (SampledElbo(samples=DRAWS), batch),
        "score function, leave one out": (ScoreFunctionElbo(DRAWS), batch),
        "score function": (ScoreFunctionElbo(DRAWS, leave_one_out=False), batch),
    }
    latents, variances, worst = (1, 4, 16), {name: [] for name in kinds}, 0.0
    for Z in latents:
        model = recipes.mlp(
            (32,), latent_dim=Z, hidden=(32,), activation="tanh", likelihood="gaussian", seed=seed
        )
        model.fit(points, epochs=2, batch_size=50, learning_rate=3e-3, seed=seed)
        cast(model, np.float64)
        settings = {"draws": draws, "rng": rng}
        found = {
            n: evaluation.estimator_noise(model, kind, Batch(x), **settings) for n, (kind, x) in kinds.items()
        }
        first = found["reparameterized, KL in closed form"]
        for name, noise in found.items():
            variances[name].append(noise.total_variance("encoder"))
            worst = max(
                worst, *(apart(noise, first, n) for n in noise.gradient_mean if n.startswith("encoder"))
            )
    print(
        f"\nThe gradient to the encoder, {DRAWS} draws an example, early in training: E‖g − E g‖² over "
        f"{draws} draws of it"
    )
    print(f"  latents                              {''.join(f'{Z:12d}' for Z in latents)}")
    for name, row in variances.items():
        print(f"  {name:<37}{''.join(f'{v:12.4g}' for v in row)}")
    print(
        "  (expected: by the score function a hundred times as much and more; leaving one out removes "
        "most of that)"
    )
    print(
        f"  their means differ by at most {worst:.1f} standard errors   (expected: below 6, of some 2,000 "
        "entries each)"
    )
    return {name: (latents, row) for name, row in variances.items()}


def apart(one, other, name):
    """The largest difference between two means of one Parameter's gradient, in standard errors."""
    error = np.sqrt((one.gradient_variance[name] + other.gradient_variance[name]) / one.draws)
    return float((np.abs(one.gradient_mean[name] - other.gradient_mean[name]) / (error + 1e-30)).max())


def main(argv=None):
    parser = argparse.ArgumentParser(description="The bound of a network, and how its gradient is estimated.")
    parser.add_argument("--quick", action="store_true", help="fewer draws, less training")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_13",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    epochs, draws = (40, 200) if options.quick else (100, 1000)

    # --------------------------------------------------------------------- 1, 2, 3. one latent, by quadrature

    points = arc(1000, np.random.default_rng(options.seed + 2)).astype(np.float32)
    law = Gaussian(0.2, learned=True)
    model = recipes.mlp(
        (2,), latent_dim=1, hidden=(32,), activation="tanh", likelihood=law, seed=options.seed
    )
    model.fit(
        points, epochs=epochs, batch_size=50, learning_rate=Cosine(1e-2, 20 * epochs), seed=options.seed
    )
    cast(model, np.float64)
    found, (q_params, _) = evaluation.evidence(model, X, **GRID), model.encoder(X)
    the_sum(model, found, q_params)
    no_z_in_it(model, found, q_params, rng, 1000 * draws)
    panels = climb(model, found, 300)
    title = "To minimize the KL is to maximize the bound"
    figure = plots.lines(panels, x_label="step (1: the start)", y_label="nats", title=title, log="x")
    plots.save(figure, options.out / "ascent.png")
    panels, on = {}, found.grid.z[:, 0]
    for i, x in enumerate(X):
        laws = {"p(z|x)": found.log_posterior, "q(z|x)": found.log_q}
        either = np.logaddexp(found.log_posterior[i], found.log_q[i])
        near = either > either.max() - 7  # where one of them is a thousandth of the largest, or more
        panels[f"x = ({x[0]:g}, {x[1]:g})"] = {
            name: (on[near], np.exp(p[i, near])) for name, p in laws.items()
        }
    title = "The true posterior and the encoder's, the last for a point off the curve"
    plots.save(
        plots.lines(panels, x_label="z", y_label="density", title=title), options.out / "posteriors.png"
    )

    # ------------------------------------------------------------------ 4. the KL in closed form, and sampled

    q_params, _ = model.encoder(points.astype(np.float64))
    closed = closed_form_kl(model.posterior, model.prior, q_params)[0].mean()
    (mean, log_var), _ = model.posterior.mean_and_log_var(q_params)
    s2 = np.exp(log_var)
    # Var[½ (z² − ε² − log σ²)], over the batch's mean
    expected = (0.5 * (s2 - 1) ** 2 + mean**2 * s2).mean() / len(points)
    kls = []
    for _ in range(draws):
        report, _ = SampledElbo()(
            model, Batch(points.astype(np.float64)), model.posterior.draw_noise(len(points), rng)
        )
        kls.append(report.terms["kl"].mean())
    bias, error = np.mean(kls) - closed, np.std(kls, ddof=1) / np.sqrt(draws)
    print(
        f"\nThe KL of {len(points)} points, closed form {closed:.5f}; log q − log p(z) at one draw each, "
        f"{draws} times:"
    )
    print(f"  bias     {bias:+.6f} ± {error:.6f}   (expected: 0 within 4 standard errors)")
    print(f"  variance {np.var(kls, ddof=1):.4g}   (expected: {expected:.4g}; of the closed form 0)")

    # ------------------------------------------------------------------------------ 5. the gradient's scatter

    title = "Two ways through an expectation"
    figure = plots.lines(
        {"": estimators(draws, options.seed)}, x_label="latents", y_label="E‖g − E g‖²", title=title, log="xy"
    )
    plots.save(figure, options.out / "gradients.png")
    few = points[:20].astype(np.float64)
    late = (SampledElbo(samples=DRAWS), ScoreFunctionElbo(DRAWS))
    noises = [evaluation.estimator_noise(model, kind, Batch(few), draws=draws, rng=rng) for kind in late]
    ratio = noises[0].total_variance("encoder") / noises[1].total_variance("encoder")
    print(
        "  On the trained model of part 1, with q near the posterior, the score function scatters "
        f"{ratio:.1f} times less"
    )
    print("  (expected: less: where q is the posterior, f is the constant log p(x), and f − b is 0)")

    # ------------------------------------------------------------------------------------ 6. towards log p(x)

    some = points[:100].astype(np.float64)
    log_px = evaluation.evidence(model, some, **GRID).log_px.mean()
    print(f"\nThe K-sample bound, mean over {len(some)} points, and its standard error over noises")
    print(f"  (expected: rising to log p(x) = {log_px:.5f}, by quadrature)")
    for K in (1, 10, 100, 1000):
        repeats = max(10, draws // K)
        objective = Iwae(K)
        noises = [objective.draw_noise(model, len(some), rng) for _ in range(repeats)]
        values = [objective(model, Batch(some), noise)[0].terms["bound"].mean() for noise in noises]
        print(f"  K = {K:<5d} {np.mean(values):9.5f} ± {np.std(values, ddof=1) / np.sqrt(repeats):.5f}")
    print(f"Pictures: {options.out / 'ascent.png'}, posteriors.png, gradients.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
