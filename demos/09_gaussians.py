"""The KL of the VAE, derived line by line from two expectations, with each line checked.

The checks are quadrature and sampling.

Let q = N(m, σ²), p = N(0, 1), one latent. Everything follows from what a Gaussian's first two moments are:

    (1)  E_q[(z − m)²] = σ²
    (2)  E_q[z²] = m² + σ²                                                        from (1): z = m + (z − m)
    (3)  E_q[log q(z)] = −½ (log 2πσ² + 1)                                        log q is a square over σ²: (1)
    (4)  E_q[log p(z)] = −½ (log 2π + m² + σ²)                                    log p is a square: (2)
    (5)  KL(q ‖ p) = (3) − (4) = ½ (m² + σ² − 1 − log σ²)
    (6)  ∂KL/∂m = m
    (7)  ∂KL/∂log σ² = ½ (σ² − 1)

With several latents q may have any covariance S = L Lᵀ, and p any mean μ and covariance T = M Mᵀ. Squares
become quadratic forms:

    (8)  E_q[zᵀ A z] = tr(A S) + mᵀ A m
    (9)  E_q[log p(z)] = log N(m; μ, T) − ½ tr(T⁻¹ S)                             from (8) with A = T⁻¹, of z − μ
    (10) KL(q ‖ p) = ½ (tr(T⁻¹ S) + (m − μ)ᵀ T⁻¹ (m − μ) − D + log |T| / |S|)     E_q[log q] − (9)
    (11) with T = I, μ = 0 and S = diag σ² it is the sum of (5) over the latents

The operations of the theory make Gaussians of Gaussians. k and o are some of the entries of z ~ N(m, S), and
r are the other ones:

    (12) marginal       z_k ~ N(m_k, S_kk)
    (13) conditional    z_r ~ N(m_r + K (a − m_o), S_rr − K S_or) given z_o = a, where K = S_ro S_oo⁻¹
    (14) affine map     A z + b ~ N(A m + b, A S Aᵀ)
    (15) sum            z + y ~ N(m + μ, S + T), if y ~ N(μ, T) is independent of z
    (16) product        N(z; m, S) N(z; μ, T) = c N(z; n, C), where c = N(m; μ, S + T)
    (17) its moments    n = C (S⁻¹ m + T⁻¹ μ) and C = (S⁻¹ + T⁻¹)⁻¹
    (18) posterior      of z given x = z W + b + ε: (13) of the law of (x, z), which (14) and (15) give

At the end gradient descent on (10) approximates a posterior with dependent latents, once with a diagonal q and
once with a full one. The best diagonal q is known: it has σ_i² = 1 / (S⁻¹)_ii, and the KL that is left is
½ (Σ_i log (S⁻¹)_ii + log |S|).

    python 09_gaussians.py [--quick] [--seed N] [--out FOLDER]

Sources: Kingma & Welling 2014, appendix B; Petersen & Pedersen 2012, "The Matrix Cookbook", section 8.1, and
equation 328, which is (8); Bishop 2006, "Pattern Recognition and Machine Learning", sections 2.3 and 10.1.2.
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import ops, plots
from scratchvae.distributions import gaussian, gaussian_algebra, gaussian_full
from scratchvae.models import FactorAnalysis

M, LOG_VAR = 0.8, -1.1  # of the one latent
D = 3  # latents of the general case


def by_quadrature(f, mean, L):
    """E[f(z)] for z ~ N(mean, L Lᵀ), with f of rows (G, D), by Gauss and Hermite's nodes on each axis."""
    axes = len(mean)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40 if axes < 4 else 20)
    grid = np.stack(np.meshgrid(*[nodes] * axes, indexing="ij"), axis=-1).reshape(-1, axes)
    shares = np.prod(
        np.stack(np.meshgrid(*[weights] * axes, indexing="ij"), axis=-1).reshape(-1, axes), axis=1
    )
    return shares @ f(mean + grid @ L.T) / shares.sum()


def by_sampling(f, mean, L, n, rng):
    """The mean of f at n draws, and its standard error."""
    values = f(mean + rng.standard_normal((n, len(mean))) @ L.T)
    return values.mean(), values.std(ddof=1) / np.sqrt(n)


class Table:
    """Rows of closed form, quadrature and sampling, which remembers whether all of them agree."""

    def __init__(self, n, rng):
        self.n, self.rng, self.disagreements = n, rng, []
        print(
            "       quantity             closed form      quadrature   differ by        sampled ± std. error"
        )

    def row(self, number, name, closed, f, mean, L):
        exact = by_quadrature(f, mean, L)
        sampled, error = by_sampling(f, mean, L, self.n, self.rng)
        off = abs(closed - exact)
        if off > 1e-10 or abs(sampled - closed) > 4 * error + 1e-12:
            self.disagreements.append(name)
        print(
            f"  {number:<4} {name:<18} {closed:13.9f}   {exact:13.9f}     {off:7.1e}   {sampled:12.5f} ± "
            f"{error:.5f}"
        )


def log_normal(z, mean, S):
    """log N(z; mean, S) of rows, straight from its definition.

    It computes the determinant, and solves for the quadratic form.
    """
    d = z - mean
    return -0.5 * ((d * np.linalg.solve(S, d.T).T).sum(axis=1) + np.linalg.slogdet(2 * np.pi * S)[1])


def wave(y):
    """cos(y_1 + y_2 + …) of rows. Its expectation for y ~ N(m, S) is cos(Σ_i m_i) exp(−½ Σ_ij S_ij)."""
    return np.cos(y.sum(axis=1))


def closed(table):
    """The rows (12) to (18): each law by its formula, beside expectations over the laws it comes from."""
    m, S = np.array([[0.5, -0.3, 0.8]]), np.array([[[1.0, 0.6, 0.3], [0.6, 1.5, -0.4], [0.3, -0.4, 0.8]]])
    mu, T, a = np.array([[-0.4, 0.2]]), np.array([[[2.0, -0.5], [-0.5, 1.8]]]), np.array([[1.4]])
    A, b = np.array([[1.0, -0.5, 0.2], [0.3, 0.4, -1.0]]), np.array([0.1, -0.7])
    pair, _ = gaussian_algebra.marginal(m, S, kept=[1, 2])
    given, _ = gaussian_algebra.conditional(m, S, a, observed=[0])
    mapped, _ = gaussian_algebra.affine(m, S, A, b)
    total, _ = gaussian_algebra.sum_of_independent(*pair, mu, T)
    (n, C, log_c), _ = gaussian_algebra.product(*pair, mu, T)
    both = np.hstack([pair[0], mu]), np.block([[pair[1], 0 * T], [0 * T, T]])

    def row(number, name, law, f, mean, S):
        value = wave(law[0])[0] * np.exp(-0.5 * law[1].sum())
        table.row(number, name, value, f, mean[0], np.linalg.cholesky(S[0]))

    def given_a(z):  # p(z_r | a) = p(a, z_r) / p(a), and z is drawn from p(z_r)
        log_joint = log_normal(np.column_stack([np.full(len(z), a), z]), m, S[0])
        log_p_a = log_normal(a, m[:, :1], S[0, :1, :1])
        return wave(z) * np.exp(log_joint - log_p_a - log_normal(z, pair[0], pair[1][0]))

    row("(12)", "marginal", pair, lambda z: wave(z[:, 1:]), m, S)
    row("(13)", "conditional", given, given_a, *pair)
    row("(14)", "affine map", mapped, lambda z: wave(z @ A.T + b), m, S)
    row("(15)", "sum", total, lambda zy: wave(zy[:, :2] + zy[:, 2:]), *both)
    L = np.linalg.cholesky(pair[1][0])
    table.row("(16)", "constant", np.exp(log_c[0]), lambda z: np.exp(log_normal(z, mu, T[0])), pair[0][0], L)
    row("(17)", "product", (n, C), lambda z: wave(z) * np.exp(log_normal(z, mu, T[0]) - log_c), *pair)
    x, prior, model = np.array([[1.0, -0.4, 0.6]]), (np.zeros((1, 2)), np.eye(2)[None]), FactorAnalysis(2)
    model.weight = W = np.array([[0.8, -0.3, 0.5], [0.2, 0.7, -0.4]])
    model.mean, model.noise_variance = np.array([0.3, 0.0, -0.2]), np.array([0.9, 0.6, 1.2])
    noise = np.diag(np.append(model.noise_variance, [0, 0]))
    view, _ = gaussian_algebra.affine(*prior, np.vstack([W.T, np.eye(2)]), np.append(model.mean, [0, 0]))
    joint, _ = gaussian_algebra.sum_of_independent(*view, np.zeros((1, 5)), noise[None])  # of x, z
    posterior, _ = gaussian_algebra.conditional(*joint, x, observed=[0, 1, 2])

    def by_bayes(z):  # p(z | x) = p(x | z) p(z) / p(x), and z is drawn from p(z)
        return wave(z) * np.exp(log_normal(x - z @ W, model.mean, noise[:3, :3]) - model.score_samples(x))

    row("(18)", "posterior", posterior, by_bayes, *prior)
    mean, L = gaussian_full.conditional(joint[0], ops.cholesky(joint[1])[0], x)[0]
    ways = (mean, L @ L.mT), model.posterior(x)
    apart = [max(np.abs(ours - its).max() for ours, its in zip(posterior, law, strict=True)) for law in ways]
    found = f"differ by {apart[0]:.1e}, {apart[1]:.1e}   (expected: 0, to rounding)"
    print(f"  (18) by the joint law's Cholesky factor, and by the model's equations: {found}")


def fitted(S, diagonal, steps):
    """The Gaussian with the smallest KL to N(0, S), by gradient descent from N(1, I).

    It returns the mean, the factor, and the KL after each step.
    """
    Z = len(S)
    target, zero = ops.cholesky(S[None])[0], np.zeros((1, Z))
    free = np.zeros((1, Z * (Z + 1) // 2))  # log-diagonal, then what is below the diagonal
    mean, left = np.ones((1, Z)), []
    for step in range(steps):
        L, L_pullback = ops.lower_triangular(free)
        kl, kl_pullback = gaussian_full.kl(mean, L, zero, target)
        dmean, dL, _, _ = kl_pullback(np.ones(1))
        dfree = L_pullback(dL)
        if diagonal:
            dfree[:, Z:] = 0
        rate = 0.1 / (1 + 3 * step / steps)
        mean, free = mean - rate * dmean, free - rate * dfree
        left.append(kl[0])
    return mean[0], ops.lower_triangular(free)[0][0], np.array(left)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="Gaussians: every line of the derivation of the VAE's KL, checked."
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_09",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    n = 100_000 if options.quick else 1_000_000

    # ------------------------------------------------------------------------------------------ 1. one latent

    sigma2, sigma = np.exp(LOG_VAR), np.exp(LOG_VAR / 2)
    print(
        f"One latent, q = N({M}, {sigma2:.4f}), p = N(0, 1); {n:,} draws   (expected: all three columns "
        "agree)"
    )
    table = Table(n, rng)
    mean, L = np.array([M]), np.array([[sigma]])
    S, eye = L @ L.T, np.eye(1)
    q = {"mean": np.full((1, 1), M), "log_var": np.full((1, 1), LOG_VAR)}
    standard = {"mean": np.zeros((1, 1)), "log_var": np.zeros((1, 1))}
    table.row("(1)", "E (z − m)²", sigma2, lambda z: (z[:, 0] - M) ** 2, mean, L)
    table.row("(2)", "E z²", M**2 + sigma2, lambda z: z[:, 0] ** 2, mean, L)
    table.row(
        "(3)", "E log q", -gaussian.entropy(q["log_var"])[0][0], lambda z: log_normal(z, mean, S), mean, L
    )
    expected = gaussian.expected_log_prob(*q.values(), *standard.values())[0][0]
    table.row("(4)", "E log p", expected, lambda z: log_normal(z, 0, eye), mean, L)
    kl, kl_pullback = gaussian.kl_to_standard(*q.values())
    table.row("(5)", "KL(q ‖ p)", kl[0], lambda z: log_normal(z, mean, S) - log_normal(z, 0, eye), mean, L)
    # the slope of a mean over q is a mean over q of f · ∂log q: the last two lines are estimated by that
    dmean, dlog_var = (g[0, 0] for g in kl_pullback(np.ones(1)))

    def log_ratio(z):
        return log_normal(z, mean, S) - log_normal(z, 0, eye)

    table.row("(6)", "∂KL/∂m", dmean, lambda z: log_ratio(z) * (z[:, 0] - M) / sigma2, mean, L)
    table.row(
        "(7)",
        "∂KL/∂log σ²",
        dlog_var,
        lambda z: log_ratio(z) * 0.5 * ((z[:, 0] - M) ** 2 / sigma2 - 1),
        mean,
        L,
    )

    # --------------------------------------------------------------------------- 2. several dependent latents

    print(f"\n{D} latents that depend on each other, q = N(m, S), p = N(μ, T)")
    m, mu = rng.normal(size=(2, D))
    factors = ops.lower_triangular(0.5 * rng.normal(size=(2, D * (D + 1) // 2)))[0]
    (S, T), A = factors @ factors.transpose(0, 2, 1), rng.normal(size=(D, D))
    general = Table(n, rng)
    rows = {"mean": m[None], "L": factors[:1], "other_mean": mu[None], "other_L": factors[1:]}
    form = gaussian_full.expected_quadratic_form(m[None], S[None], A)[0][0]
    general.row("(8)", "E zᵀ A z", form, lambda z: ((z @ A) * z).sum(axis=1), m, factors[0])
    cross = gaussian_full.expected_log_prob(*rows.values())[0][0]
    general.row("(9)", "E log p", cross, lambda z: log_normal(z, mu, T), m, factors[0])
    full = gaussian_full.kl(*rows.values())[0][0]
    general.row(
        "(10)", "KL(q ‖ p)", full, lambda z: log_normal(z, m, S) - log_normal(z, mu, T), m, factors[0]
    )
    log_var = rng.normal(size=D)
    diagonal = np.diag(np.exp(log_var / 2))
    special = gaussian_full.kl_to_standard(m[None], diagonal[None])[0][0]
    of_diagonal = gaussian.kl_to_standard(m[None], log_var[None])[0][0]

    def log_ratio_to_standard(z):
        return log_normal(z, m, diagonal @ diagonal) - log_normal(z, 0, np.eye(D))

    general.row("(11)", "KL to N(0, I)", of_diagonal, log_ratio_to_standard, m, diagonal)
    print(f"  (11) by way of the full covariance: {special:.9f}   (expected: the same as above)")

    # ------------------------------------------------------------------ 3. Gaussians that come from Gaussians

    print("\nGaussians are closed under … (E cos(y_1 + y_2) for y of each new law; for (16), c)")
    closed(closure := Table(n, rng))
    wrong = table.disagreements + general.disagreements + closure.disagreements
    print(
        "All lines agree to 1e-10, and with the draws to 4 standard errors: "
        f"{'no: ' + ', '.join(wrong) if wrong else 'yes'}"
    )

    # ----------------------------------------------------- 4. what a diagonal q can't say, and a full one can

    target = np.array([[1.0, 0.85], [0.85, 1.0]])
    precision = np.diag(np.linalg.inv(target))
    _, log_det = np.linalg.slogdet(target)
    expected_kl = 0.5 * (np.log(precision).sum() + log_det)
    laws, falls = {"p(z|x)": (np.zeros(2), target)}, {}
    print(
        "\nA posterior with correlation 0.85, approximated by descent on (10)   KL that is left      "
        "variances"
    )
    for name, is_diagonal, least, variances in (
        ("diagonal q", True, expected_kl, 1 / precision),
        ("full q", False, 0.0, np.diag(target)),
    ):
        mean, L, left = fitted(target, is_diagonal, 400)
        S = L @ L.T
        laws[name], falls[name] = (mean, S), (np.arange(1, len(left) + 1), left)
        found = (
            f"{left[-1]:.6f} ({least:.6f})   {S[0, 0]:.4f} {S[1, 1]:.4f} ({variances[0]:.4f} "
            f"{variances[1]:.4f})"
        )
        print(f"  {name:<18} (expected in brackets)                     {found}")
    figure = plots.ellipses(laws, title="One and two deviations of p and of its best fits")
    plots.save(figure, options.out / "posteriors.png")
    figure = plots.lines(
        {"": falls},
        x_label="step of gradient descent",
        y_label="KL(q ‖ p), nats",
        levels={"least KL of a diagonal q": expected_kl},
        title="Fitting q by the gradients of the KL",
        log="y",
    )
    plots.save(figure, options.out / "descent.png")
    print(f"Pictures: {options.out / 'posteriors.png'}, {options.out / 'descent.png'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
