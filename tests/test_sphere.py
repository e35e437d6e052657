"""The von Mises-Fisher law: its limits, SciPy's values, slopes of expectations, and a VAE whose codes are on
a sphere.
"""

import numpy as np
import pytest
from scipy import special, stats

from scratchvae import VAE, kernels, mlp, ops
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.distributions import uniform_sphere, von_mises_fisher
from scratchvae.evaluation import kl_by_latent, log_likelihood
from scratchvae.layers import Linear, Sequential, cast, named_parameters
from scratchvae.likelihoods import Gaussian
from scratchvae.objectives import Elbo, Iwae, SampledElbo
from scratchvae.posteriors import VonMisesFisher
from scratchvae.priors import UniformSphere, VampPrior
from scratchvae.runs import Run

RNG = np.random.default_rng(0)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(80)
U = 0.5 * (1 + NODES)  # Gauss's rule on (0, 1), for expectations over the uniform number of a draw
PROPOSAL = 0.5 * (1 + np.sin(0.5 * np.pi * NODES))  # and on (0, 1) with the points closer at the ends


def unit(n, D):
    return ops.direction(RNG.normal(size=(n, D)))[0]


def of_draws(log_kappa, D):
    """v at many uniform numbers, and dv/dκ."""
    v, pullback = von_mises_fisher.versine(np.full(len(U), log_kappa), uniform=U, dim=D)
    return v, pullback(np.ones(len(U))) / np.exp(log_kappa)


def expected(f):
    return 0.5 * (WEIGHTS * f).sum()


def cosine(kappa, D):
    return special.ive(D / 2, kappa) / special.ive(D / 2 - 1, kappa)


@pytest.mark.parametrize("D", [2, 3, 5, 20])
def test_values_are_scipys(D):
    x, mean, log_kappa = unit(4, D), unit(4, D), np.array([-3.0, 0.5, 2.0, 4.0])
    laws = [stats.vonmises_fisher(mean[i], np.exp(log_kappa[i])) for i in range(4)]
    log_p, _ = von_mises_fisher.log_prob(x, mean, log_kappa)
    np.testing.assert_allclose(log_p, [law.logpdf(one) for law, one in zip(laws, x, strict=True)], rtol=1e-11)
    H, _ = von_mises_fisher.entropy(log_kappa, dim=D)
    np.testing.assert_allclose(H, [law.entropy() for law in laws], rtol=1e-11)
    E, _ = von_mises_fisher.expectation(mean, log_kappa)
    np.testing.assert_allclose(E, cosine(np.exp(log_kappa), D)[:, None] * mean, rtol=1e-11)


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize(
    ("D", "log_kappa"), [(2, -1.0), (3, 0.5), (5, np.log(2)), (5, 5.0), (40, 3.0), (600, 6.0)]
)
def test_draws_have_the_expectation_and_the_slope_that_they_must(D, log_kappa, twin):
    """E[w] = A and E[dw/dκ] = 1 − A² − (D − 1) A/κ, by 80 points of Gauss's rule.

    Quantiles have roots at the ends of (0, 1), which the rule sees to some 1e-5 of the cosine's deviation.
    """
    with kernels.using(twin):
        v, dv = of_draws(log_kappa, D)
    kappa = np.exp(log_kappa)
    A = cosine(kappa, D)
    variance = 1 - A**2 - (D - 1) * A / kappa
    assert expected(1 - v) == pytest.approx(A, abs=1e-3 * np.sqrt(variance))
    assert expected(-dv) == pytest.approx(variance, rel=5e-3)


def test_the_published_slope_of_rejection_is_wrong_and_its_correction_is_ours():
    """At D = 5, κ = 2 the expected cosine has the slope 0.147389. Autograd of the accepted proposal alone
    gives 0.127670.

    Accepted proposals ε have the density Beta(ε; 2, 2) q(h(ε))/r(h(ε)) (Wood 1994), which depends on κ. The
    correction is E[w ∂ log(q/r)/∂κ] along h (Naesseth et al. 2017, equation 6). By Gauss's rule and a
    difference of κ.
    """
    D, kappa, step = 5, 2.0, 1e-5
    weight = (
        0.25
        * np.pi
        * np.cos(0.5 * np.pi * NODES)
        * WEIGHTS
        * stats.beta((D - 1) / 2, (D - 1) / 2).pdf(PROPOSAL)
    )

    def proposed(k):
        b = (D - 1) / (2 * k + np.sqrt(4 * k**2 + (D - 1) ** 2))
        w = (1 - (1 + b) * PROPOSAL) / (1 - (1 - b) * PROPOSAL)
        x0 = (1 - b) / (1 + b)
        v, log_k = 1 - w, np.full(len(w), np.log(k))
        log_q = von_mises_fisher.log_prob_of_draw(log_k, v, dim=D)[0]
        return w, log_q + (D - 1) * np.log(1 - x0 * w) - 0.5 * (D - 1) * np.log(1 - x0**2)

    (w, log_ratio), above, below = (proposed(k) for k in (kappa, kappa + step, kappa - step))
    accepted = weight * np.exp(log_ratio)
    accepted /= accepted.sum()
    A = cosine(kappa, D)
    slope = 1 - A**2 - (D - 1) * A / kappa
    assert (accepted * w).sum() == pytest.approx(A, rel=1e-9)
    of_proposal = (accepted * (above[0] - below[0]) / (2 * step)).sum()
    correction = (accepted * w * (above[1] - below[1]) / (2 * step)).sum()
    assert slope == pytest.approx(0.147389, abs=5e-7)
    assert of_proposal == pytest.approx(0.127670, abs=1e-6)
    assert of_proposal + correction == pytest.approx(slope, rel=1e-8)
    _, dv = of_draws(np.log(kappa), D)
    assert expected(-dv) == pytest.approx(slope, rel=1e-3)
    assert abs(expected(-dv) - of_proposal) > 0.01


@pytest.mark.parametrize("log_kappa", [-13.0, 0.0, 5.0, 13.0])
def test_three_dimensions_have_a_closed_form(log_kappa):
    """v = −log(1 + u (e^(−2κ) − 1))/κ, which at large κ is the exponential law of rate κ: dv/d log κ = −v."""
    u = np.array([1e-6, 0.2, 0.6, 1 - 1e-6])
    v, pullback = von_mises_fisher.versine(np.array([log_kappa]), uniform=u, dim=3, draws=4)
    kappa = np.exp(log_kappa)
    np.testing.assert_allclose(v, -np.log1p(u * np.expm1(-2 * kappa)) / kappa, rtol=1e-9)
    if log_kappa > 10:
        np.testing.assert_allclose([pullback(row)[0] for row in np.eye(4)], -v, rtol=1e-9)


def test_the_circle_has_the_quantiles_of_von_mises():
    u, log_kappa = np.array([0.05, 0.5, 0.97]), 1.1
    v, _ = von_mises_fisher.versine(np.full(3, log_kappa), uniform=u, dim=2)
    np.testing.assert_allclose(2 * stats.vonmises(np.exp(log_kappa)).cdf(np.arccos(1 - v)) - 1, u, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log_kappa", [-80.0, -13.8, 13.8, 80.0])
@pytest.mark.parametrize("D", [2, 600])
def test_extreme_concentrations_have_finite_values_and_gradients(D, log_kappa, dtype):
    mean, given = unit(3, D).astype(dtype), np.full(3, log_kappa, dtype)
    for op, arguments, constants in (
        (von_mises_fisher.log_prob, (mean, mean, given), {}),
        (von_mises_fisher.expectation, (mean, given), {}),
        (von_mises_fisher.entropy, (given,), {"dim": D}),
        (von_mises_fisher.kl_to_uniform, (given,), {"dim": D}),
        (von_mises_fisher.versine, (given,), {"uniform": np.array([1e-7, 0.5, 1 - 1e-7]), "dim": D}),
    ):
        value, pullback = op(*arguments, **constants)
        gradients = pullback(np.ones_like(value))
        assert np.isfinite(value).all()
        assert all(
            np.isfinite(g).all() for g in (gradients if isinstance(gradients, tuple) else (gradients,))
        )


def test_a_small_concentration_keeps_the_digits_of_the_kl():
    kl, pullback = von_mises_fisher.kl_to_uniform(np.array([np.log(1e-6)]), dim=7)
    np.testing.assert_allclose(kl, 1e-12 / 14, rtol=1e-12)  # κ²/2D, less a share κ² of it
    np.testing.assert_allclose(pullback(np.ones(1)), 1e-12 / 7, rtol=1e-12)


@pytest.mark.parametrize("D", [2, 3, 12])
def test_a_draw_is_at_its_angle_and_turns_with_the_mean(D):
    """z is on the sphere, its cosine to μ is 1 − v, and what is left over is the tangent's length; −μ is no
    exception.
    """
    mean = np.vstack([unit(6, D), np.eye(1, D), -np.eye(1, D)])
    v, tangent = RNG.uniform(0.01, 1.99, 8), uniform_sphere.sample(noise=RNG.normal(size=(8, D - 1)))
    z, _ = von_mises_fisher.reparameterize(mean, v, tangent=tangent)
    np.testing.assert_allclose((z * z).sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose((z * mean).sum(axis=1), 1 - v, atol=1e-14)
    many = uniform_sphere.sample(noise=RNG.normal(size=(8 * 4000, D - 1)))
    z, _ = von_mises_fisher.reparameterize(mean, np.repeat(v, 4000), tangent=many, draws=4000)
    sine = np.sqrt(v * (2 - v))[:, None]
    assert (
        np.abs(z.reshape(8, 4000, D).mean(axis=1) - (1 - v)[:, None] * mean) < 5 * sine / np.sqrt(4000)
    ).all()


@pytest.mark.parametrize("score", [True, False])
def test_log_q_of_a_draw_moves_as_the_density_at_it(score):
    """With the score, z moves and so does the law; without it z alone.

    By differences of log_prob, along the sphere.
    """
    q, params = VonMisesFisher(4), RNG.normal(size=(2, 5))
    noise, d = q.draw_noise(6, np.random.default_rng(1)).astype(np.float64), RNG.normal(size=6)
    (z, log_q), pullback = q.sample_with_log_prob(params, noise=noise, draws=3, score=score)
    np.testing.assert_allclose(log_q, q.log_prob(np.repeat(params, 3, axis=0), z)[0], rtol=1e-12)
    found = pullback(np.zeros_like(z), d)

    def total(p):
        z, _ = q.sample(p, noise=noise, draws=3)
        return (d * q.log_prob(np.repeat(p if score else params, 3, axis=0), z)[0]).sum()

    step = 1e-5
    for index in np.ndindex(*params.shape):
        e = np.zeros_like(params)
        e[index] = step
        assert found[index] == pytest.approx((total(params + e) - total(params - e)) / (2 * step), abs=1e-8)


def test_each_q_has_its_draws():
    q, params = VonMisesFisher(3), RNG.normal(size=(2, 4))
    noise, dz, dlog_q = q.draw_noise(8, RNG).astype(np.float64), RNG.normal(size=(8, 3)), RNG.normal(size=8)
    (z, log_q), pullback = q.sample_with_log_prob(params, noise=noise, draws=4)
    (one_z, one_log_q), one_pullback = q.sample_with_log_prob(np.repeat(params, 4, axis=0), noise=noise)
    np.testing.assert_allclose(z, one_z, rtol=1e-13)
    np.testing.assert_allclose(log_q, one_log_q, rtol=1e-13)
    np.testing.assert_allclose(
        pullback(dz, dlog_q), one_pullback(dz, dlog_q).reshape(2, 4, -1).sum(axis=1), rtol=1e-11
    )


def test_both_kinds_of_kl_are_one_on_average():
    """E[log q − log p] over draws is the closed form, within five standard errors."""
    q, p, params = VonMisesFisher(6), UniformSphere(6), np.append(RNG.normal(size=6), 2.3)[None]
    n = 20_000
    noise = q.draw_noise(n, np.random.default_rng(2)).astype(np.float64)
    (z, log_q), _ = q.sample_with_log_prob(params, noise=noise, draws=n)
    sampled = log_q - p.log_prob(z)[0]
    kl, _ = von_mises_fisher.kl_to_uniform(params[:, -1], dim=6)
    assert abs(sampled.mean() - kl[0]) < 5 * sampled.std() / np.sqrt(n)


def test_the_noise_has_no_end_of_the_unit_interval():
    """The lowest and the highest of the 2²³ numbers are float32, and the middles of their cells."""

    class Ends(np.random.Generator):
        def integers(self, high, size):
            return np.array([[0], [high - 1]])

    noise = VonMisesFisher(2).draw_noise(2, Ends(np.random.PCG64(0)))
    assert noise.dtype == np.float32
    np.testing.assert_array_equal(noise[:, 0].astype(np.float64), [2.0**-24, 1 - 2.0**-24])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: VonMisesFisher(1), "VonMisesFisher: latent_dim should be at least 2, found 1"),
        (lambda: UniformSphere(1), "UniformSphere: latent_dim should be at least 2, found 1"),
        (
            lambda: uniform_sphere.log_prob(np.full((2, 3), 1.0)),
            "x should have rows of norm 1, found a row 0 of norm 1.73",
        ),
        (
            lambda: von_mises_fisher.log_prob(unit(1, 3), 2 * unit(1, 3), np.zeros(1)),
            "mean should have rows of norm 1",
        ),
        (
            lambda: von_mises_fisher.log_prob(unit(1, 3), unit(1, 3) * np.nan, np.zeros(1)),
            "mean should have rows of norm 1",
        ),
        (
            lambda: von_mises_fisher.versine(np.zeros(1), uniform=np.ones(1), dim=3),
            "strictly between 0 and 1, found 1 to 1",
        ),
        (lambda: von_mises_fisher.kl_to_uniform(np.zeros(1), dim=1), "dim should be at least 2, found 1"),
        (
            lambda: von_mises_fisher.versine(np.zeros(2), uniform=np.full(3, 0.5), dim=3),
            r"uniform should have shape \(2,\)",
        ),
    ],
)
def test_what_is_no_sphere_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_vector_of_zeros_points_along_the_first_axis_with_gradient_0():
    y, pullback = ops.direction(np.array([[0.0, 0.0], [3e-320, 4e-320], [3e200, -4e200]]))
    np.testing.assert_allclose(y, [[1, 0], [0.6, 0.8], [0.6, -0.8]], rtol=1e-3)  # 3e-320 has four digits
    assert not pullback(np.ones((3, 2)))[0].any()


# --- a model
# -------------------------------------------------------------------------------------------------------


def exact_model():
    """x = z W + noise with z uniform on the circle: q is the exact posterior, since |z W| does not depend on
    z.

    p(z|x) ∝ exp(xᵀWᵀz/σ²) is a von Mises-Fisher law of κ = |x Wᵀ|/σ². Here κ is one number: every x has one
    norm.
    """
    W, _ = np.linalg.qr(RNG.normal(size=(4, 2)))
    encoder, decoder = Linear(4, 3, rng=0), Linear(2, 4, rng=0)
    likelihood = Gaussian(0.3)
    model = VAE(
        event_shape=(4,), encoder=Sequential(encoder), posterior=VonMisesFisher(2), prior=UniformSphere(2),
        decoder=decoder, likelihood=likelihood,
    )  # fmt: skip
    cast(model, np.float64)
    decoder.weight.value, decoder.bias.value = W.T.copy(), np.zeros(4)
    x = 1.3 * ops.direction(RNG.normal(size=(5, 2)))[0] @ W.T
    encoder.weight.value = np.hstack([W, np.zeros((4, 1))])
    encoder.bias.value = np.array([0, 0, np.log(1.3) - np.float64(likelihood.log_var.value[0])])
    return model, x


def test_where_q_is_the_posterior_the_bound_is_log_p():
    """log p(x) = −½ D log 2πσ² − (|x|² + 1)/2σ² + log I₀(|x|/σ²): so are every log-weight and every bound.

    A product of 4 or so terms of size 10 rounds to some 1e-14.
    """
    model, x = exact_model()
    variance, norm = np.exp(np.float64(model.likelihood.log_var.value[0])), 1.3
    log_px = (
        -2 * np.log(2 * np.pi * variance)
        - (norm**2 + 1) / (2 * variance)
        + np.log(special.i0(norm / variance))
    )
    batch = Batch(x)
    noise = model.draw_noise(5 * 3, np.random.default_rng(0)).astype(np.float64)
    one, _ = model.run(batch, noise, draws=3, kl="sampled")
    np.testing.assert_allclose(one.log_px + one.log_pz - one.log_q, log_px, rtol=1e-10)
    one, _ = model.run(batch, noise[:5], kl="closed_form")
    assert one.kl.shape == (5, 1)
    report, _ = Iwae(3)(model, batch, noise)
    assert report.loss == pytest.approx(-log_px, rel=1e-10)
    found = log_likelihood(model, Dataset("x", x), samples=2, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found, log_px, rtol=1e-10)
    kl = kl_by_latent(model, Dataset("x", x), rng=np.random.default_rng(0))
    np.testing.assert_allclose(kl, one.kl[0], rtol=1e-12)


def test_sticking_the_landing_has_no_noise_there():
    model, x = exact_model()
    noise = model.draw_noise(5, np.random.default_rng(0)).astype(np.float64)
    _, pullback = SampledElbo(gradient="stl")(model, Batch(x), noise)
    pullback()
    for name, parameter in named_parameters(model.encoder).items():
        assert np.abs(parameter.grad).max() < 1e-10, name


def test_a_recipe_learns_directions():
    """Examples around a ring: the codes go around the circle once, in order."""
    angle = RNG.uniform(0, 2 * np.pi, 150)
    x = np.stack([np.cos(angle), np.sin(angle), 0.5 * np.cos(angle)], axis=1) + 0.05 * RNG.normal(
        size=(150, 3)
    )
    roles = {"posterior": "von_mises_fisher", "prior": "uniform_sphere", "likelihood": "gaussian(0.05)"}
    model = mlp((3,), latent_dim=2, hidden=16, standardize=False, seed=0, **roles)
    model.fit(x.astype(np.float32), epochs=60, batch_size=50, learning_rate=1e-2, objective=Elbo(), seed=0)
    codes = model.transform(x.astype(np.float32))
    np.testing.assert_allclose((codes**2).sum(axis=1), 1, rtol=1e-5)
    found = np.unwrap(np.arctan2(codes[:, 1], codes[:, 0])[np.argsort(angle)])
    assert abs(abs(found[-1] - found[0]) - 2 * np.pi) < 0.8
    draws = model.sample(200, 0)
    np.testing.assert_allclose(np.hypot(draws[:, 0], draws[:, 1]), 1, atol=0.5)


def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path):
    np.save(tmp_path / "x.npy", RNG.normal(size=(30, 5)).astype(np.float32))
    roles = ["--posterior", "von_mises_fisher", "--prior", "uniform_sphere", "--likelihood", "gaussian"]
    shape = ["--latent-dim", "3", "--hidden", "4", "--held-out", "5", "--quiet", "--no-figures"]
    for name, epochs in (("whole", 2), ("part", 1)):
        argv = [
            "train",
            "--data",
            str(tmp_path / "x.npy"),
            "--out",
            str(tmp_path / name),
            "--epochs",
            str(epochs),
        ]
        assert main([*argv, *roles, *shape]) == 0
    assert (
        main(["train", "--resume", str(tmp_path / "part"), "--epochs", "2", "--quiet", "--no-figures"]) == 0
    )
    one, other = (Run.open(tmp_path / name).resumed() for name in ("whole", "part"))
    for name, parameter in one.parameters.items():
        np.testing.assert_array_equal(parameter.value, other.parameters[name].value)


def test_a_prior_without_a_closed_form_is_met_by_draws():
    q = VonMisesFisher(2)
    encoder = Linear(3, q.n_params, rng=0)
    parts = {"encoder": encoder, "decoder": Linear(2, 3, rng=1), "likelihood": Gaussian(1.0)}
    model = VAE(
        event_shape=(3,), posterior=q, prior=VampPrior((3,), encoder, q, components=3, rng=0), **parts
    )
    assert isinstance(model.default_objective(), SampledElbo)
    with pytest.raises(
        InputError, match=r"from VonMisesFisher to VampPrior \(there is one to UniformSphere\)"
    ):
        Elbo()(model, Batch(np.zeros((1, 3), np.float32)), q.draw_noise(1, RNG))
