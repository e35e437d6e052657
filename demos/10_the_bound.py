"""What the bound leaves out, what it does not depend on, and how its gradient is best estimated: every claim beside its number.

    log p(x) = bound(q) + KL(q(z|x) ‖ p(z|x))          for every q: so the bound is below, and the best q is the true posterior
    bound(q) = E_q[log p(x, z)] + H(q)                 joint and entropy,
             = E_q[log p(x|z)] − KL(q ‖ p(z))          likelihood and divergence: the same number

First with a model in which all of it is known: z ~ N(0, I), x = W z + b + noise, whose posterior is Gaussian, with covariance
(I + WᵀW/σ²)⁻¹. Then with a decoder that is a network, one latent, and integrals by quadrature. At the end the gradient of the
bound to the encoder, which has to go through an expectation over q. Two ways, both right on average:

    reparameterized   z = m + σ ε:  E_ε[∂f/∂z ∂z/∂φ]            f = log p(x|z) + log p(z) − log q(z|x)
    score function                  E_q[(f − b) ∂log q/∂φ]      any b without this z: here the mean f of the other draws

    python 10_the_bound.py [--quick] [--seed N] [--out FOLDER]

Sources: Kingma & Welling 2014, "Auto-Encoding Variational Bayes", sections 2.2 and 2.3; Jordan et al. 1999, section 6; Williams
1992 (the score function); Burda, Grosse & Salakhutdinov 2016 (more draws).
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import evaluation, plots, recipes
from scratchvae.distributions import gaussian_full
from scratchvae.layers import Linear, Sequential, Tanh, cast
from scratchvae.likelihoods import Gaussian
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Iwae, SampledElbo, ScoreFunctionElbo, closed_form_kl
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.training import Cosine

HIDDEN = 32
DRAWS = 2  # of each example, in part 4
GRID = {"reach": 15.0, "points": 4001}  # of the latent


def arc(n, rng):
    """n points (N, 2) on half a circle, and a little beside it."""
    t = np.pi * rng.random(n)
    return np.stack([np.cos(t), np.sin(t)], axis=1) + 0.05 * rng.standard_normal((n, 2))


def curve_model(seed):
    """A VAE with one latent: its decoder draws a curve in the plane."""
    rng = np.random.default_rng(seed)
    return VAE(
        event_shape=(2,),
        encoder=Sequential(Linear(2, HIDDEN, rng=rng), Tanh(), Linear(HIDDEN, 2, rng=rng)),
        posterior=DiagonalGaussian(1),
        prior=StandardGaussian(1),
        decoder=Sequential(Linear(1, HIDDEN, rng=rng), Tanh(), Linear(HIDDEN, 2, rng=rng)),
        likelihood=Gaussian(0.2, learned=True),
    )


def linear_gaussian(rng, trials=4):
    """Part 1: three terms in closed form, for several q; returns the largest difference from log p(x)."""
    D, Z, variance = 5, 2, 0.3
    W, b, x = rng.normal(size=(D, Z)), rng.normal(size=D), rng.normal(size=D)
    S = np.linalg.inv(np.eye(Z) + W.T @ W / variance)
    posterior_mean, posterior_L = S @ W.T @ (x - b) / variance, np.linalg.cholesky(S)
    log_px = gaussian_full.log_prob(x[None], b[None], np.linalg.cholesky(W @ W.T + variance * np.eye(D))[None])[0][0]
    some = {f"some q, number {k + 1}": (rng.normal(size=Z), np.exp(rng.normal()) * np.eye(Z)) for k in range(trials)}
    laws = {"the prior": (np.zeros(Z), np.eye(Z)), **some, "the posterior": (posterior_mean, posterior_L)}
    print(f"A linear model with {Z} latents, one x, everything exact   (expected: each sum is log p(x) = {log_px:.6f})")
    print("  q                     E log p(x|z) - KL to prior = bound        + KL to posterior = log p(x)      joint + entropy")
    worst = 0.0
    for name, (mean, L) in laws.items():
        q, standard = (mean[None], L[None]), (np.zeros((1, Z)), np.eye(Z)[None])
        # log p(x|z) is a quadratic form in z: E‖x − W z − b‖² = ‖x − W m − b‖² + tr(WᵀW S)
        squares = ((x - W @ mean - b) ** 2).sum() + gaussian_full.expected_quadratic_form(0 * q[0], L @ L.T[None], W.T @ W)[0][0]
        log_px_z = -0.5 * (D * np.log(2 * np.pi * variance) + squares / variance)
        kl = gaussian_full.kl_to_standard(*q)[0][0]
        to_posterior = gaussian_full.kl(*q, posterior_mean[None], posterior_L[None])[0][0]
        joint = log_px_z + gaussian_full.expected_log_prob(*q, *standard)[0][0] + gaussian_full.entropy(q[1])[0][0]
        bound = log_px_z - kl
        total = bound + to_posterior
        worst = max(worst, abs(total - log_px), abs(joint - bound))
        print(f"  {name:<18} {log_px_z:15.6f} {kl:14.6f} {bound:12.6f} {to_posterior:15.6f} {total:12.6f} {joint:20.6f}")
    print(f"  largest difference between what should be equal: {worst:.1e}   (expected: rounding)")


def estimators(draws, seed):
    """Part 4: E‖g − E g‖² of each estimator of the encoder's gradient early in training; the picture's curves."""
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
        model = recipes.mlp((32,), latent_dim=Z, hidden=(32,), activation="tanh", likelihood="gaussian", seed=seed)
        model.fit(points, epochs=2, batch_size=50, learning_rate=3e-3, seed=seed)
        cast(model, np.float64)
        found = {name: evaluation.estimator_noise(model, kind, x, draws=draws, rng=rng) for name, (kind, x) in kinds.items()}
        first = found["reparameterized, KL in closed form"]
        for name, noise in found.items():
            variances[name].append(noise.total_variance("encoder"))
            worst = max(worst, *(apart(noise, first, n) for n in noise.gradient_mean if n.startswith("encoder")))
    print(f"\nThe gradient to the encoder, {DRAWS} draws an example, early in training: E‖g − E g‖² over {draws} draws of it")
    print(f"  latents                              {''.join(f'{Z:12d}' for Z in latents)}")
    for name, row in variances.items():
        print(f"  {name:<37}{''.join(f'{v:12.4g}' for v in row)}")
    print("  (expected: by the score function a hundred times as much and more; leaving one out removes most of that)")
    print(f"  their means differ by at most {worst:.1f} standard errors   (expected: below 6, of some 2,000 entries each)")
    return {name: (latents, row) for name, row in variances.items()}


def apart(one, other, name):
    """The largest difference between two means of one Parameter's gradient, in standard errors."""
    error = np.sqrt((one.gradient_variance[name] + other.gradient_variance[name]) / one.draws)
    return float((np.abs(one.gradient_mean[name] - other.gradient_mean[name]) / (error + 1e-30)).max())


def main(argv=None):
    parser = argparse.ArgumentParser(description="The bound: what it leaves out, and how its gradient is estimated.")
    parser.add_argument("--quick", action="store_true", help="fewer draws, less training")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", default="demo_10", help="for the pictures (default: %(default)s)")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    epochs, draws = (40, 200) if options.quick else (100, 1000)

    linear_gaussian(rng)

    # -------------------------------------------------------------------- 2. a curve in the plane: one latent, by quadrature

    points = arc(1000, np.random.default_rng(options.seed + 2)).astype(np.float32)
    model = curve_model(options.seed)
    model.fit(points, epochs=epochs, batch_size=50, learning_rate=Cosine(1e-2, 20 * epochs), seed=options.seed)
    cast(model, np.float64)
    x = np.array([[-1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.0, 0.3]])
    found = evaluation.evidence(model, x, **GRID)
    # the bound once more, by the objective and 4,001 even steps of the noise: nothing of it comes from the grid of latents
    noise = np.linspace(-8, 8, 4001)
    weights = np.exp(-0.5 * noise**2) / np.exp(-0.5 * noise**2).sum()
    report, _ = Elbo()(model, np.repeat(x, len(noise), axis=0), np.tile(noise, len(x))[:, None])
    bound = report.terms["bound"].reshape(len(x), -1) @ weights
    print("\nA VAE with one latent on points of half a circle, four x, by quadrature   (expected: the last two columns agree)")
    print("            x        bound + KL(q ‖ p(z|x)) =      sum    log p(x)")
    for point, b, gap, log_px in zip(x, bound, found.kl_to_posterior, found.log_px, strict=True):
        print(f"  ({point[0]:5.2f}, {point[1]:4.2f}) {b:10.5f} {gap:17.5f} {b + gap:11.5f} {log_px:11.5f}")
    print(f"  largest difference: {np.abs(bound + found.kl_to_posterior - found.log_px).max():.1e}   (expected: below 1e-6)")
    shifted = model.encoder.layers[2].bias
    shifted.value = shifted.value + np.array([0.3, 0.2])
    other = evaluation.evidence(model, x, **GRID)
    shifted.value = shifted.value - np.array([0.3, 0.2])
    moved, still = np.abs(other.bound - found.bound).min(), np.abs(other.log_px - found.log_px).max()
    print(f"  With another q the bound moves by at least {moved:.3f}, log p(x) by at most {still:.1e}   (expected: not at all)")
    near = [np.abs(found.z[:, 0] - m[0]) < 0.9 for m in model.posterior.mean(model.encoder(x)[0])]
    panels = {
        f"x = ({point[0]:g}, {point[1]:g})": {
            "p(z|x)": (found.z[inside, 0], np.exp(found.log_posterior[i, inside])),
            "q(z|x)": (found.z[inside, 0], np.exp(found.log_q[i, inside])),
        }
        for i, (point, inside) in enumerate(zip(x, near, strict=True))
    }
    title = "The true posterior and the encoder's, the last for a point off the curve"
    plots.save(plots.lines(panels, x_label="z", y_label="density", title=title), options.out / "posteriors.png")

    # -------------------------------------------------------------------------------- 3. the KL in closed form, and sampled

    q_params, _ = model.encoder(points.astype(np.float64))
    closed = closed_form_kl(model.posterior, model.prior, q_params)[0].mean()
    (mean, log_var), _ = model.posterior.mean_and_log_var(q_params)
    s2 = np.exp(log_var)
    expected = (0.5 * (s2 - 1) ** 2 + mean**2 * s2).mean() / len(points)  # Var[½ (z² − ε² − log σ²)], over the batch's mean
    kls = []
    for _ in range(draws):
        report, _ = SampledElbo()(model, points.astype(np.float64), model.posterior.draw_noise(len(points), rng))
        kls.append(report.terms["kl"].mean())
    bias, error = np.mean(kls) - closed, np.std(kls, ddof=1) / np.sqrt(draws)
    print(f"\nThe KL of {len(points)} points, closed form {closed:.5f}; log q − log p(z) at one draw each, {draws} times:")
    print(f"  bias     {bias:+.6f} ± {error:.6f}   (expected: 0 within 4 standard errors)")
    print(f"  variance {np.var(kls, ddof=1):.4g}   (expected: {expected:.4g}; of the closed form 0)")

    # ------------------------------------------------------------------------------------------- 4. the gradient's scatter

    title = "Two ways through an expectation"
    figure = plots.lines({"": estimators(draws, options.seed)}, x_label="latents", y_label="E‖g − E g‖²", title=title, log="xy")
    plots.save(figure, options.out / "gradients.png")
    few = points[:20].astype(np.float64)
    late = (SampledElbo(samples=DRAWS), ScoreFunctionElbo(DRAWS))
    noises = [evaluation.estimator_noise(model, kind, few, draws=draws, rng=rng) for kind in late]
    ratio = noises[0].total_variance("encoder") / noises[1].total_variance("encoder")
    print(f"  On the trained model of part 2, with q near the posterior, the score function scatters {ratio:.1f} times less")
    print("  (expected: less: where q is the posterior, f is the constant log p(x), and f − b is 0)")

    # ------------------------------------------------------------------------------------------------- 5. towards log p(x)

    some = points[:100].astype(np.float64)
    log_px = evaluation.evidence(model, some, **GRID).log_px.mean()
    print(f"\nThe K-sample bound, mean over {len(some)} points   (expected: rising to log p(x) = {log_px:.5f}, by quadrature)")
    for K in (1, 10, 100, 1000):
        repeats = max(5, draws // K)
        objective = Iwae(K)
        values = [
            objective(model, some, objective.draw_noise(model, len(some), rng))[0].terms["bound"].mean() for _ in range(repeats)
        ]
        print(f"  K = {K:<5d} {np.mean(values):9.5f}")
    print(f"Pictures: {options.out / 'posteriors.png'}, {options.out / 'gradients.png'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
