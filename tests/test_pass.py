"""The pass of a model: what each part passes on, which entries count, and how q's gradient is estimated."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from scratchvae import likelihoods
from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import rate_distortion
from scratchvae.layers import EVALUATION, Linear, Mode, Sequential, Tanh, cast, named_parameters
from scratchvae.models import VAE, Autoencoder, FactorAnalysis, ProbabilisticPCA
from scratchvae.objectives import L1, Elbo, Iwae, Reconstruction, SampledElbo, ScoreFunctionElbo, sigma_points
from scratchvae.posteriors import DiagonalGaussian, FullGaussian
from scratchvae.priors import GaussianMixture, StandardGaussian
from scratchvae.recipes import belief_net, mlp
from scratchvae.reference import all_parts

B, D, Z, K = 3, 4, 2, 3
RNG = np.random.default_rng(0)
X = RNG.uniform(0.1, 0.9, (B, D))
OBSERVED = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1]])
LIKELIHOODS = {part.of.__name__: part.example(D) for part in all_parts() if part.example}
PER_COLUMN = {
    "NegativeBinomial",
    "Blocks",
    "Encoded",
    "Ordered",
}  # which hold something for each column, and so judge no others


def gradients(owner, pullback, *dy, **parts):
    for parameter in named_parameters(owner).values():
        parameter.grad = None
    pullback(*dy, **parts)
    return {
        n: np.zeros_like(p.value) if p.grad is None else p.grad for n, p in named_parameters(owner).items()
    }


def small(posterior=None, prior=None):
    posterior = posterior or DiagonalGaussian(Z)
    model = VAE(
        event_shape=(D,),
        encoder=Sequential(Linear(D, 3, rng=1), Tanh(), Linear(3, posterior.n_params, rng=2)),
        posterior=posterior,
        prior=prior or StandardGaussian(Z),
        decoder=Sequential(Linear(Z, 3, rng=3), Tanh(), Linear(3, D, rng=4)),
        likelihood=likelihoods.Gaussian(0.3, learned=True),
    )
    cast(model, np.float64)
    return model


# -------------------------------------------------------------------------------------------------------
# missing entries


def test_every_likelihood_is_tried_with_missing_entries():
    interface = likelihoods.Likelihood
    kinds = (getattr(likelihoods, name) for name in likelihoods.__all__)
    assert LIKELIHOODS.keys() == {
        k.__name__ for k in kinds if isinstance(k, type) and issubclass(k, interface)
    } - {"Likelihood"}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("draws", [1, 2])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_what_is_missing_adds_exactly_nothing(name, draws, training):
    law, x = LIKELIHOODS[name]
    cast(law, np.float64)
    x_params = np.random.default_rng(1).normal(size=(B * draws, law.n_params((D,))))
    found = []
    for garbage in (0.0, 1.0, np.nan, np.inf, -1e300):
        dirty = np.where(OBSERVED == 1, x, garbage)
        mode = Mode(np.random.default_rng(0)) if training else EVALUATION
        log_px, pullback = law.log_prob(x_params, x=dirty, observed=OBSERVED, draws=draws, mode=mode)
        own = gradients(law, lambda pullback=pullback: found.append(pullback(np.arange(1.0, B * draws + 1))))
        found.append((log_px, *own.values()))
    for value in found:
        assert all(np.isfinite(part).all() for part in (value if isinstance(value, tuple) else (value,)))
    for i in (0, 1):
        for other in found[2 + i :: 2]:
            for one, two in zip(found[i], other, strict=True):
                np.testing.assert_array_equal(one, two)
    by_entry = np.repeat(OBSERVED, draws, axis=0) == 0
    width = law.n_params((D,)) // D
    dx_params = found[0].reshape(B * draws, width, D)
    assert (dx_params[np.broadcast_to(by_entry[:, None], dx_params.shape)] == 0).all()
    assert (dx_params[np.broadcast_to(~by_entry[:, None], dx_params.shape)] != 0).any()


# of a NegativeBinomial with a library size, all that was observed says how large that is:
# test_negative_binomial has it
@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name != "NegativeBinomial"])
def test_what_was_observed_has_the_density_that_it_has_alone(name):
    """The sum over the observed entries, each by itself; of a multinomial, over the observed words alone."""
    law, x = LIKELIHOODS[name]
    cast(law, np.float64)
    x_params = np.random.default_rng(1).normal(size=(B, law.n_params((D,))))
    everything, _ = law.log_prob(x_params, x=x)
    all_there, _ = law.log_prob(x_params, x=x, observed=np.ones((B, D)))
    np.testing.assert_allclose(all_there, everything, rtol=1e-12)
    some, _ = law.log_prob(x_params, x=x, observed=OBSERVED)
    if name == "Multinomial":
        expected = [
            law.log_prob(x_params[b : b + 1, o], x=x[b : b + 1, o])[0][0] for b, o in enumerate(OBSERVED == 1)
        ]
    elif name == "GaussianDiagonal":
        of = [likelihoods.GaussianDiagonal([v]) for v in law.variance]
        parts = [one.log_prob(x_params[:, [d]], x=x[:, [d]])[0] for d, one in enumerate(of)]
        expected = (np.stack(parts, axis=1) * OBSERVED).sum(axis=1)
    elif name == "Standardized":
        moments = zip(law.column_mean.value, law.column_scale.value, strict=True)
        of = [likelihoods.Standardized(law.likelihood, 1, mean=[m], scale=[s]) for m, s in moments]
        parts = [one.log_prob(x_params[:, [d]], x=x[:, [d]])[0] for d, one in enumerate(of)]
        expected = (np.stack(parts, axis=1) * OBSERVED).sum(axis=1)
    elif name == "LogNormal":
        m, s = law.of_log.column_mean.value, law.of_log.column_scale.value
        sigma = s * np.sqrt(law.of_log.likelihood.variance)
        expected = (stats.lognorm.logpdf(x, sigma, scale=np.exp(m + s * x_params)) * OBSERVED).sum(axis=1)
    elif name in PER_COLUMN:
        parts = [
            law.log_prob(x_params, x=x, observed=np.tile(np.arange(D) == d, (B, 1)))[0] for d in range(D)
        ]
        np.testing.assert_allclose(np.sum(parts, axis=0), everything, rtol=1e-12)
        expected = (np.stack(parts, axis=1) * OBSERVED).sum(axis=1)
    else:
        columns = x_params.reshape(B, -1, D)  # each entry's parameters, whichever way they are laid out
        parts = [law.log_prob(columns[:, :, d], x=x[:, [d]])[0] for d in range(D)]
        expected = (np.stack(parts, axis=1) * OBSERVED).sum(axis=1)
    # whose start is float32
    np.testing.assert_allclose(some, expected, rtol=1e-6 if name == "GaussianDiagonal" else 1e-12)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_gradients_of_what_was_observed(name):
    law, x = LIKELIHOODS[name]
    cast(law, np.float64)
    x_params = np.random.default_rng(2).normal(size=(2 * B, law.n_params((D,))))

    def op(x_params):
        return law.log_prob(x_params, x=x, observed=OBSERVED, draws=2, mode=Mode(np.random.default_rng(0)))

    assert all(c.ok for c in check_pullback(op, [x_params]))


@pytest.mark.parametrize("kind", [FactorAnalysis, ProbabilisticPCA])
def test_a_linear_vae_gives_what_was_observed_the_evidence_that_factor_analysis_gives_it(kind):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 1)) @ rng.normal(size=(1, D)) + 0.5 * rng.normal(size=(60, D))
    exact = kind(1).fit(x)
    model, observed = exact.to_vae(), rng.random((5, D)) < 0.6
    z = np.linspace(-9, 9, 1201)[:, None]  # far beyond the posterior, which is wider than 0.1
    batch = Batch(np.where(observed, x[:5], np.nan), observed=observed.astype(int))
    (log_px, log_pz), _ = model.log_joint(batch, np.tile(z, (5, 1)), draws=len(z))
    evidence = logsumexp(log_px + log_pz, axis=1) + np.log(z[1, 0] - z[0, 0])
    # float32 variances
    np.testing.assert_allclose(evidence, exact.score_samples(np.where(observed, x[:5], np.nan)), rtol=1e-6)


# ----------------------------------------------------------------------------------------------------------
# what passes on


@pytest.mark.parametrize("kl", ["none", "closed_form", "sampled"])
@pytest.mark.parametrize("draws", [1, K])
@pytest.mark.parametrize("posterior", [DiagonalGaussian(Z), FullGaussian(Z)], ids=lambda p: type(p).__name__)
def test_a_pass_passes_each_part_its_own_gradient(posterior, draws, kl):
    """Σ seeds · parts, z and q_params among the parts, as a function of every Parameter."""
    prior = StandardGaussian(Z) if kl == "closed_form" else GaussianMixture(Z, components=2, rng=5)
    model, rng = small(posterior, prior), np.random.default_rng(4)
    cast(model, np.float64)
    batch, noise = Batch(X, observed=OBSERVED), rng.normal(size=(B * draws, Z))
    parameters = named_parameters(model)
    first, _ = model.run(batch, noise, draws=draws, kl=kl)
    names = [
        "log_px",
        "z",
        "q_params",
        *{"sampled": ["log_pz", "log_q"], "closed_form": ["kl"], "none": []}[kl],
    ]
    seeds = {name: rng.normal(size=getattr(first, name).shape) for name in names}

    def op(*values):
        for parameter, value in zip(parameters.values(), values, strict=True):
            parameter.value = value
        one, run_pullback = model.run(batch, noise, draws=draws, kl=kl)

        def pullback(dvalue):
            parts = {f"d{name}": dvalue * seed for name, seed in seeds.items()}
            return tuple(gradients(model, run_pullback, **parts).values())

        return np.asarray(sum((seed * getattr(one, name)).sum() for name, seed in seeds.items())), pullback

    start = {name: parameter.value for name, parameter in parameters.items()}
    assert not [str(c) for c in check_pullback(op, start) if not c.ok]


def test_the_joint_passes_its_gradient_to_z():
    model, z = (
        small(prior=GaussianMixture(Z, components=2, rng=5)),
        np.random.default_rng(1).normal(size=(B * K, Z)),
    )
    cast(model, np.float64)

    def op(z):
        both, pullback = model.log_joint(Batch(X, observed=OBSERVED), z, draws=K)
        return both, pullback

    assert all(c.ok for c in check_pullback(op, [z]))


def test_draws_of_one_example_are_those_of_its_copies():
    model, noise = small(), np.random.default_rng(1).normal(size=(B * K, Z))
    together, _ = model.run(Batch(X), noise, draws=K, kl="sampled")
    copies, _ = model.run(Batch(X).repeat(K), noise, kl="sampled")
    for part in ("log_px", "log_pz", "log_q"):
        np.testing.assert_allclose(getattr(together, part).ravel(), getattr(copies, part).ravel(), rtol=1e-12)
    np.testing.assert_allclose(together.z, copies.z, rtol=1e-12)
    np.testing.assert_allclose(together.log_weights, together.log_px - together.sampled_kl, rtol=1e-12)


def test_the_encoder_sees_what_is_shown_and_the_likelihood_what_is():
    model, noise = small(), np.zeros((B, Z))
    shown, plain = np.zeros_like(X), small()
    one, _ = model.run(Batch(X, shown=shown), noise)
    of_shown, _ = plain.run(Batch(shown), noise)
    np.testing.assert_array_equal(one.z, of_shown.z)
    expected, _ = plain.log_joint(Batch(X), of_shown.z)
    np.testing.assert_array_equal(one.log_px, expected[0])


def test_penalties_are_added_to_any_bound():
    noise = np.random.default_rng(1).normal(size=(B * K, Z))
    model = small()
    for kind, settings, draws in ((Elbo, {}, 1), (SampledElbo, {"samples": K}, K)):
        plain, plain_pullback = kind(**settings)(model, Batch(X), noise[: B * draws])
        more, pullback = kind(**settings, penalties=(L1(0.7),))(model, Batch(X), (noise[: B * draws], None))
        one, run_pullback = model.run(Batch(X), noise[: B * draws], draws=draws)
        size = np.abs(one.z).sum(axis=1).mean()
        assert more.loss == pytest.approx(plain.loss + 0.7 * size, rel=1e-12)
        assert more.means()["sparsity"] == pytest.approx(size, rel=1e-12)
        alone = gradients(model, run_pullback, dz=0.7 * np.sign(one.z) / len(one.z))
        before, after = gradients(model, plain_pullback), gradients(model, pullback)
        for name in before:
            np.testing.assert_allclose(after[name], before[name] + alone[name], rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------------------------------------- nothing is
# done in vain


def counted(monkeypatch, owner, name):
    """A list that grows with each call of owner.name, by the call's first argument."""
    calls, original = [], getattr(owner, name)
    monkeypatch.setattr(
        owner, name, lambda *given, **settings: calls.append(given[0]) or original(*given, **settings)
    )
    return calls


def test_rate_and_distortion_decode_once(monkeypatch):
    model = small()
    calls = counted(monkeypatch, model, "decoder")
    rate_distortion(lambda: model, [{}], Dataset("x", X), samples=2)
    assert [len(z) for z in calls] == [2 * B]


def test_the_score_is_computed_for_its_gradient_alone(monkeypatch):
    model = small()
    calls = counted(monkeypatch, model.posterior, "log_prob")
    objective = ScoreFunctionElbo(2)
    _, pullback = objective(model, Batch(X), np.zeros((2 * B, Z)))
    assert not calls
    pullback()
    assert len(calls) == 1


def test_one_factor_is_solved_for_all_draws_of_an_example(monkeypatch):
    """And each draw gets what it gets alone: what log q passes on to z, and z to q."""
    q, rng = FullGaussian(Z), np.random.default_rng(1)
    q_params, noise = rng.normal(size=(B, q.n_params)), rng.normal(size=(B * K, Z))
    dz, dlog_q = rng.normal(size=(B * K, Z)), rng.normal(size=B * K)
    alone, each = np.zeros_like(q_params), np.arange(B * K).reshape(B, K).T
    for rows in each:
        alone += q.sample_with_log_prob(q_params, noise=noise[rows], score=False)[1](dz[rows], dlog_q[rows])
    z, z_pullback = q.sample(q_params, noise=noise, draws=K)
    _, by_z = q.log_prob(np.repeat(q_params, K, axis=0), z)[1](dlog_q)
    np.testing.assert_allclose(alone, z_pullback(dz + by_z), rtol=1e-10)
    calls = counted(monkeypatch, np.linalg, "solve")
    _, pullback = q.sample_with_log_prob(q_params, noise=noise, draws=K, score=False)
    np.testing.assert_allclose(pullback(dz, dlog_q), alone, rtol=1e-12)
    assert [len(L) for L in calls] == [B]


# --------------------------------------------------------------------------------------- sticking the
# landing, and twice more


def linear(seed=0):
    """A linear VAE of one latent whose q is the posterior."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 1)) @ rng.normal(size=(1, D)) + 0.5 * rng.normal(size=(60, D))
    return ProbabilisticPCA(1).fit(x).to_vae(), Batch(x[:2])


def moved(model):
    bias = model.encoder.bias
    bias.value = bias.value + np.array([0.4, -0.3])
    return model


def expected_gradient(model, batch, objective, draws, nodes):
    """∫ of the gradient over the noise of all draws, which are the same for both examples, by Gauss and
    Hermite's rule.
    """
    points, shares = np.polynomial.hermite_e.hermegauss(nodes)
    total = {name: np.zeros_like(p.value) for name, p in named_parameters(model).items()}
    for chosen in product(range(nodes), repeat=draws):
        noise = np.tile(points[list(chosen)], len(batch))[:, None]
        weight = np.prod(shares[list(chosen)]) / shares.sum() ** draws
        for name, gradient in gradients(model, objective(model, batch, noise)[1]).items():
            total[name] += weight * gradient
    return total


@pytest.mark.parametrize(
    ("objective", "draws", "nodes", "tolerance"),
    [
        (SampledElbo(gradient="stl"), 1, 8, 1e-12),  # a polynomial of degree 2 in the noise: exact
        (SampledElbo(samples=2, gradient="stl"), 2, 8, 1e-12),
        (Iwae(1, gradient="stl"), 1, 8, 1e-12),
        (Iwae(1, gradient="dreg"), 1, 8, 1e-12),
        (Iwae(2, gradient="dreg"), 2, 40, 1e-7),
    ],
    ids=str,
)
def test_every_estimator_has_the_same_expected_gradient(objective, draws, nodes, tolerance):
    model, batch = linear()
    moved(model)
    kind = type(objective)(samples=draws)
    total = expected_gradient(model, batch, kind, draws, nodes)
    other = expected_gradient(model, batch, objective, draws, nodes)
    for name in total:
        np.testing.assert_allclose(
            other[name], total[name], rtol=0, atol=tolerance * np.abs(total[name]).max(initial=1)
        )
    if kind == SampledElbo():  # and that of the bound in closed form
        exact = gradients(model, Elbo()(model, *sigma_points(batch, 1))[1])
        for name in exact:
            np.testing.assert_allclose(total[name], exact[name], rtol=0, atol=1e-11)


def test_where_q_is_the_posterior_sticking_the_landing_has_no_noise():
    model, batch = linear()
    for seed in range(3):
        noise = 2 * np.random.default_rng(seed).normal(size=(len(batch), 1))
        still = gradients(model, SampledElbo(gradient="stl")(model, batch, noise)[1])
        noisy = gradients(model, SampledElbo()(model, batch, noise)[1])
        assert max(np.abs(still[name]).max() for name in still if name.startswith("encoder")) < 1e-12
        assert np.abs(noisy["encoder.weight"]).max() > 1e-2


def test_at_one_draw_both_are_the_same_draw_by_draw():
    model, batch = linear()
    noise = np.random.default_rng(1).normal(size=(len(batch), 1))
    moved(model)
    stl, dreg = (gradients(model, Iwae(1, gradient=kind)(model, batch, noise)[1]) for kind in ("stl", "dreg"))
    for name in stl:
        np.testing.assert_allclose(dreg[name], stl[name], rtol=1e-12, atol=1e-14)


def test_with_more_draws_sticking_the_landing_is_biased_and_refused():
    model, batch = linear()
    moved(model)
    with pytest.raises(InputError, match=r'gradient "stl" should come with samples = 1, .*found samples = 2'):
        Iwae(2, gradient="stl")

    class Naive(Iwae):
        """The score dropped, and the weights left as they were."""

        def __call__(self, model, batch, noise, *, mode=EVALUATION):
            one, run_pullback = model.run(batch, noise, draws=2, kl="sampled", score=False, mode=mode)
            weights = np.exp(one.log_weights - logsumexp(one.log_weights, axis=1, keepdims=True))
            d = -weights / len(batch)
            return None, lambda: run_pullback(dlog_px=d, dlog_pz=d, dlog_q=-d)

    right, naive = (expected_gradient(model, batch, objective, 2, 24) for objective in (Iwae(2), Naive(2)))
    assert np.abs(naive["encoder.bias"] - right["encoder.bias"]).max() > 0.01


@pytest.mark.parametrize("objective", [SampledElbo(), Iwae(2), SampledElbo(gradient="stl")], ids=str)
def test_a_point_has_no_bound(objective):
    model = mlp((D,), latent_dim=Z, hidden=(), model="autoencoder")
    assert isinstance(model, Autoencoder)
    with pytest.raises(InputError, match="the posterior should have a density, found a Point"):
        objective(model, Batch(X.astype(np.float32)), np.empty((B * getattr(objective, "samples", 1), 0)))
    assert Reconstruction()(model, Batch(X.astype(np.float32)), (np.empty((B, 0)), None, None))[0].loss > 0


# ----------------------------------------------------------------------------------------------------------
# what is refused


@pytest.mark.parametrize("garbage", [1.0, np.nan, np.inf])
def test_what_stands_under_the_mask_does_not_reach_the_encoder(garbage):
    model, noise = small(), np.random.default_rng(1).normal(size=(B, Z))
    for objective in (Elbo(), Reconstruction(noise_std=0.1, mask_rate=0.2)):
        drawn = noise if isinstance(objective, Elbo) else (noise, np.ones((B, D)), np.ones((B, D), bool))
        found = []
        for under in (0.0, garbage):
            batch = Batch(np.where(OBSERVED == 1, X, under), observed=OBSERVED)
            report, pullback = objective(model, batch, drawn, mode=Mode(np.random.default_rng(0)))
            found.append((report.loss, gradients(model, pullback)))
        assert found[0][0] == found[1][0]
        for name, gradient in found[0][1].items():
            np.testing.assert_array_equal(gradient, found[1][1][name])


def test_a_batch_of_which_nothing_was_observed_says_nothing_of_the_variance():
    law, x = likelihoods.GaussianOptimal(), X.astype(np.float32)
    training = Mode(np.random.default_rng(0))
    law.log_prob(x + 1, x=x, mode=training)
    before = law.variance.value.copy()
    log_px, pullback = law.log_prob(x + 2, x=x, observed=np.zeros((B, D)), mode=training)
    assert (log_px == 0).all()
    assert (pullback(np.ones(B, np.float32)) == 0).all()
    np.testing.assert_array_equal(law.variance.value, before)
    assert law.batches_seen.value == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log_var", [-2000.0, -200.0, 80.0])
def test_sticking_the_landing_has_no_nan(dtype, log_var):
    q, noise = DiagonalGaussian(1), np.array([[0.5], [-2.0], [0.0]], dtype)
    q_params = np.array([[0.3, log_var]], dtype)
    _, pullback = q.sample_with_log_prob(q_params, noise=noise, draws=3, score=False)
    for dlog_q in (np.zeros(3, dtype), np.ones(3, dtype)):
        found = pullback(np.zeros((3, 1), dtype), dlog_q)
        assert found.dtype == dtype
        assert not np.isnan(found).any()
        assert found[0, 1] == pytest.approx(-0.5 * dlog_q @ (noise[:, 0] ** 2))


@pytest.mark.parametrize("objective", [Iwae(2), SampledElbo(samples=2)], ids=str)
def test_draws_that_do_not_move_with_q_are_judged_by_these_bounds_and_not_trained(objective):
    model = belief_net((D,), layers=(3,), seed=0)
    x = (X > 0.5).astype(np.float32)
    noise = objective.draw_noise(model, B, np.random.default_rng(0))
    assert np.isfinite(objective(model, Batch(x), noise)[0].loss)
    with pytest.raises(InputError, match=r"draws should move with q, .*train it by its own phases"):
        model.fit(x, objective=objective)


def test_wrong_words_for_a_pass_are_named():
    model, noise = small(), np.zeros((B, Z))
    _, plain = model.run(Batch(X), noise)
    _, total = model.run(Batch(X), noise, kl="sampled")
    one = np.ones((B, 1))
    for call, words in (
        (
            lambda: model.run(Batch(X), noise, kl="closedform"),
            "kl should be one of closed_form, none, sampled",
        ),
        (lambda: plain(dlog_q=one), 'of a pass with kl="sampled"; found kl="none"'),
        (lambda: plain(dkl=np.ones((B, Z))), 'of a pass with kl="closed_form"; found kl="none"'),
        (lambda: total(dlog_px=one, path=one), "path should come with score=False"),
        (
            lambda: belief_net((D,), layers=(2,)).run(Batch(X, shown=X), noise),
            "every example should be seen as it is",
        ),
    ):
        with pytest.raises(InputError, match=words):
            call()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"observed": OBSERVED[:, :2]}, r"observed should have the shape of x, \(3, 4\), found \(3, 2\)"),
        ({"observed": OBSERVED.tolist()}, "observed should be an array, found a list"),
        ({"shown": X[:2]}, r"shown should have the shape of x, \(3, 4\), found \(2, 4\)"),
        ({"y": np.arange(4)}, "y should say something of each of 3 examples, found 4"),
    ],
)
def test_parts_of_a_batch_belong_together(parts, words):
    with pytest.raises(InputError, match=words):
        Batch(X, **parts)


def test_a_batch_repeats_and_casts_all_its_parts():
    batch = Batch(X, np.arange(B), OBSERVED, X + 1)
    twice = batch.repeat(2).astype(np.float32)
    for name in ("x", "y", "observed", "shown"):
        part, given = getattr(twice, name), getattr(batch, name)
        np.testing.assert_array_equal(part, np.repeat(given, 2, axis=0).astype(part.dtype))
        assert part.dtype == (np.float32 if given.dtype.kind == "f" else given.dtype)
    assert len(twice) == 2 * B
