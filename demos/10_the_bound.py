"""The gap of the bound, and what log p(x) does not depend on, in a model in which every number is known.

    log p(x) = bound(q) + KL(q(z|x) ‖ p(z|x))     for every q; the KL is 0 or more, and 0 only for q = p(z|x)
    bound(q) = E_q[log p(x, z)] + H(q)            joint and entropy,
             = E_q[log p(x|z)] − KL(q ‖ p(z))     likelihood and divergence: the same number

Two facts follow. The first is that log p(x) does not contain z, so that ∫ q(z) log p(x) dz = log p(x) for every
q. Bayes' rule writes the same number as log p(x, z) − log p(z|x), for any z. The second is that log p(x) does
not contain q. So minimizing the KL is maximizing the bound, and the bound can be maximized without knowing
p(z|x).

The model is z ~ N(0, I), x = z W + b + noise. Its posterior is Gaussian, with the covariance (I + W Wᵀ/σ²)⁻¹.
Demo 13 shows the same for a decoder that is a network.

    python 10_the_bound.py [--quick] [--seed N] [--out FOLDER]

Sources: Kingma & Welling 2014, "Auto-Encoding Variational Bayes", section 2.2; Kingma & Welling 2019, section
2.2; Jordan et al. 1999, section 6; Bishop 2006, section 10.1.2 (the best q with independent latents).
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import evaluation, plots
from scratchvae.distributions import gaussian, gaussian_full
from scratchvae.posteriors import FullGaussian

D, Z, VARIANCE = 5, 2, 0.3


class LinearGaussian:
    """z ~ N(0, I), x = z W + b + noise, and one x. Each density is computed from a closed form of its own."""

    def __init__(self, rng):
        self.W, self.b, self.x = rng.normal(size=(D, Z)).T, rng.normal(size=D), rng.normal(size=D)
        self.S = np.linalg.inv(np.eye(Z) + self.W @ self.W.T / VARIANCE)
        self.mean, self.L = self.S @ self.W @ (self.x - self.b) / VARIANCE, np.linalg.cholesky(self.S)
        C = self.W.T @ self.W + VARIANCE * np.eye(D)
        self.log_px = log_normal(self.x[None], self.b, np.linalg.cholesky(C))[0]

    def log_joint(self, z):
        """log p(x|z) + log p(z) of rows z (N, Z)."""
        x_mean = z @ self.W + self.b
        x, log_var = np.broadcast_to(self.x, x_mean.shape), np.full_like(x_mean, np.log(VARIANCE))
        return gaussian.log_prob(x, x_mean, log_var)[0] + gaussian.standard_log_prob(z)[0]

    def log_posterior(self, z):
        """log p(z|x) of rows z (N, Z)."""
        return log_normal(z, self.mean, self.L)

    def bound(self, mean, L):
        """The bound of each q = N(mean, L Lᵀ), mean (N, Z) and L (N, Z, Z), and its pullback."""
        x, noise_variance = np.repeat(self.x[None], len(mean), axis=0), np.full(D, VARIANCE)
        return evaluation.linear_gaussian_bound(
            mean, L, x=x, weight=self.W, mean=self.b, noise_variance=noise_variance
        )

    def kl_to_posterior(self, mean, L):
        """KL(q ‖ p(z|x)) of each q."""
        return gaussian_full.kl(
            mean, L, np.tile(self.mean, (len(mean), 1)), np.tile(self.L, (len(mean), 1, 1))
        )[0]


def log_normal(z, mean, L):
    """log N(z; mean, L Lᵀ) of rows z (N, Z)."""
    return gaussian_full.log_prob(z, np.broadcast_to(mean, z.shape), np.broadcast_to(L, (len(z), *L.shape)))[
        0
    ]


def the_sum(known, rng, trials=4):
    """Part 1: the three terms in closed form, for several q."""
    W, b, x, log_px = known.W, known.b, known.x, known.log_px
    some = {
        f"some q, number {k + 1}": (rng.normal(size=Z), np.exp(rng.normal()) * np.eye(Z))
        for k in range(trials)
    }
    laws = {"the prior": (np.zeros(Z), np.eye(Z)), **some, "the posterior": (known.mean, known.L)}
    print(f"A linear model, {Z} latents, one x, all exact   (expected: each sum is log p(x) = {log_px:.6f})")
    print(
        "  q                  E log p(x|z) - KL to prior =   bound   + KL to posterior = log p(x)  joint "
        "+ entropy"
    )
    worst = 0.0
    for name, (mean, L) in laws.items():
        q, standard = (mean[None], L[None]), (np.zeros((1, Z)), np.eye(Z)[None])
        # log p(x|z) is a quadratic form in z: E‖x − z W − b‖² = ‖x − m W − b‖² + tr(W Wᵀ S)
        spread = gaussian_full.expected_quadratic_form(0 * q[0], L @ L.T[None], W @ W.T)[0][0]
        squares = ((x - mean @ W - b) ** 2).sum() + spread
        log_px_z = -0.5 * (D * np.log(2 * np.pi * VARIANCE) + squares / VARIANCE)
        kl, to_posterior = gaussian_full.kl_to_standard(*q)[0][0], known.kl_to_posterior(*q)[0]
        joint = (
            log_px_z
            + gaussian_full.expected_log_prob(*q, *standard)[0][0]
            + gaussian_full.entropy(q[1])[0][0]
        )
        bound = log_px_z - kl
        total = bound + to_posterior
        worst = max(worst, abs(total - log_px), abs(joint - bound), abs(known.bound(*q)[0][0] - bound))
        likelihood = f"{log_px_z:13.6f} {kl:13.6f} {bound:12.6f}"
        print(f"  {name:<17} {likelihood} {to_posterior:14.6f} {total:14.6f} {joint:14.6f}")
    print(f"  largest difference between what should be equal: {worst:.1e}   (expected: rounding)")


def no_z_in_it(known, rng, draws):
    """Part 2: log p(x) = log p(x, z) − log p(z|x) at every z, and its mean under several q."""
    grid = evaluation.even_grid(Z)
    log_joint, log_px_at_z = known.log_joint(grid.z), known.log_joint(grid.z) - known.log_posterior(grid.z)
    off, largest = np.abs(log_px_at_z - known.log_px).max(), np.abs(log_joint).max()
    print(f"\nlog p(x, z) − log p(z|x) at {len(grid.z):,} z: log p(x) has no z in it")
    print(
        f"  largest difference from log p(x): {off:.1e}   (expected: rounding of terms up to {largest:.0f})"
    )
    print(
        f"  The mean of log p(x) under q, and of the bound's integrand log p(x, z) − log q(z); {draws:,} "
        "draws"
    )
    print("  q                   ∫ q log p(x) dz  deviation     sampled ± std. error        bound  deviation")
    diagonal = np.diag(np.diag(np.linalg.inv(known.S)) ** -0.5)
    laws = {
        "the prior": (np.zeros(Z), np.eye(Z)),
        "a wrong q": (known.mean + 1, 0.3 * np.eye(Z)),
        "the best diagonal": (known.mean, diagonal),
        "the posterior": (known.mean, known.L),
    }
    for name, (mean, L) in laws.items():
        z, log_q = mean + rng.standard_normal((draws, Z)) @ L.T, log_normal(grid.z, mean, L)
        flat = evaluation.expectation_by_quadrature(log_px_at_z[None], log_q[None], grid=grid)
        drawn = evaluation.expectation_by_sampling((known.log_joint(z) - known.log_posterior(z))[None])
        bound = evaluation.expectation_by_quadrature((log_joint - log_q)[None], log_q[None], grid=grid)
        numbers = (
            f"{flat.mean[0]:13.6f}  {flat.deviation[0]:9.1e}  {drawn.mean[0]:11.6f} ± "
            f"{drawn.standard_error[0]:.1e}"
        )
        print(f"  {name:<17} {numbers}    {bound.mean[0]:11.6f}  {bound.deviation[0]:9.1e}")
    print(
        "  (expected: log p(x) with a deviation of 0, for every q; the bound's deviation is 0 at the "
        "posterior only)"
    )


def climb(known, steps):
    """Part 3: q climbs the bound, with a full covariance and with a diagonal one; the picture's panels."""
    posterior, panels = FullGaussian(Z), {}
    precision = np.linalg.inv(known.S)
    least = 0.5 * (np.log(np.diag(precision)).sum() + np.linalg.slogdet(known.S)[1])
    rate = 0.5 / np.linalg.eigvalsh(precision)[-1]
    print(
        f"\nq climbs the bound from the prior by {steps} gradient steps, and p stays   (expected in brackets)"
    )
    print(
        "  q             KL that is left              bound                       gain of bound - loss "
        "of KL, any step"
    )
    for name, free, limit in (("full q", posterior.n_params, 0.0), ("diagonal q", 2 * Z, least)):
        moves = np.arange(posterior.n_params) < free  # the last numbers are those below the diagonal

        def bound(q_params, moves=moves):
            (mean, L), q_pullback = posterior.mean_and_factor(q_params)
            value, pullback = known.bound(mean, L)
            return value, lambda dbound: q_pullback(*pullback(dbound)) * moves

        found = evaluation.ascend(bound, np.zeros((1, posterior.n_params)), steps=steps, rate=rate)
        rising = found.bound[:, 0]
        kl = known.kl_to_posterior(*posterior.mean_and_factor(found.q_params[:, 0])[0])
        off = np.abs(np.diff(rising) + np.diff(kl)).max()
        ends = f"{kl[-1]:.8f} ({limit:.8f})   {rising[-1]:.6f} ({known.log_px - limit:.6f})"
        print(f"  {name:<12}  {ends}   {off:.1e} (rounding)")
        step = np.arange(1, len(kl) + 1)
        shown = {"bound": rising, "KL(q ‖ p(z|x))": kl, "their sum, log p(x)": rising + kl}
        panels[name] = {label: (step, curve) for label, curve in shown.items()}
    return panels


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="The bound: what it leaves out, and what it does not depend on."
    )
    parser.add_argument("--quick", action="store_true", help="fewer draws")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_10",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    known = LinearGaussian(rng)
    the_sum(known, rng)
    no_z_in_it(known, rng, 200 if options.quick else 10_000)
    panels = climb(known, 1000)
    title = "To minimize the KL is to maximize the bound"
    late = {
        q: {name: (step[3:], curve[3:]) for name, (step, curve) in found.items()}
        for q, found in panels.items()
    }
    figure = plots.lines(late, x_label="step, from the fourth on", y_label="nats", title=title, log="x")
    plots.save(figure, options.out / "ascent.png")
    print(f"Picture: {options.out / 'ascent.png'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
