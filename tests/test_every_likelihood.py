"""What holds of every likelihood: it judges what was observed, its model is saved and loads, and it says what
it is of.
"""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from supported import supported, takes

from scratchvae import VAE, Autoencoder
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Column, Dataset, TableSchema
from scratchvae.evaluation import bound, rate_distortion
from scratchvae.layers import named_parameters
from scratchvae.likelihoods import (
    Bernoulli,
    Beta,
    Blocks,
    Categorical,
    Categories,
    DiscretizedLogistic,
    Encoded,
    Gaussian,
    LogNormal,
    Multinomial,
    NegativeBinomial,
    Ordered,
    Poisson,
    of_schema,
    require_batch_supported,
)
from scratchvae.objectives import Elbo
from scratchvae.recipes import LIKELIHOODS
from scratchvae.runs import (
    METRICS,
    Config,
    Judgement,
    Reading,
    Run,
    chosen_runs,
    groups,
    read_run,
    read_runs,
    run_names,
)
from scratchvae.training import minimize

N = 24
SCHEMA = TableSchema(
    (
        Column("height", "real"),
        Column("dose", "positive"),
        Column("visits", "count", "whole"),
        Column("stage", "ordered", "text", ("I", "II", "III")),
        Column("sex", "binary", "text", ("f", "m")),
        Column("site", "categorical", "text", ("Bern", "Graz", "Ulm")),
    ),
    ("patient",),
)


def table_rows(rng):
    levels = [rng.integers(0, n, N).astype(np.float64) for n in (3, 2, 3)]
    return np.stack(
        [rng.normal(size=N), np.exp(rng.normal(size=N)), rng.poisson(3, N).astype(np.float64), *levels],
        axis=1,
    )


LAWS = {
    **{
        name: (lambda name=name: name, lambda rng, name=name: supported(name, (N, 3), rng))
        for name in LIKELIHOODS
    },
    "a library's size": (
        lambda: NegativeBinomial((3,), offset="library"),
        lambda rng: rng.poisson(3, (N, 3)).astype(np.float64),
    ),
    "log-normal": (lambda: LogNormal(3), lambda rng: np.exp(rng.normal(size=(N, 3)))),
    "categories": (lambda: Categories(4), lambda rng: rng.integers(0, 4, (N, 3)).astype(np.float64)),
    "encoded shares": (lambda: Encoded(Beta(), 3), lambda rng: rng.uniform(0.1, 0.9, (N, 3))),
    "a table": (lambda: of_schema(SCHEMA), table_rows),
}


def fitted(name, *, gaps, kind=VAE):
    law, rows = LAWS[name]
    x = rows(np.random.default_rng(0))
    if gaps:
        missing = np.random.default_rng(1).random(x.shape) < 0.2
        missing[:2] = True  # nothing is known of these
        x[missing] = np.nan
    return kind(latent_dim=1, hidden=4, likelihood=law(), epochs=1).fit(x, held_out=x), x


@pytest.mark.parametrize("name", LAWS)
def test_whoever_trains_with_gaps_judges_with_gaps(name):
    model, x = fitted(name, gaps=True)
    data, missing = Dataset("x", x), np.isnan(x)
    scores = model.score_samples(x, samples=3)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores[:2], 0)  # log p of nothing
    filled = model.impute(x, samples=3)
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled[~missing], x[~missing], rtol=1e-6)
    terms = bound(model.model_, data, Elbo(), rng=np.random.default_rng(0))
    assert np.isfinite(list(terms.values())).all()
    (point,) = rate_distortion(lambda: model.model_, [{}], data)
    assert np.isfinite([point.rate, point.distortion]).all()
    batch, objective = data.batch(slice(0, 5), np.float32), Elbo()
    noise = objective.draw_noise(model.model_, 5, np.random.default_rng(0))
    assert np.isfinite(minimize(model.model_, objective, batch, noise, max_steps=1).report.loss)


@pytest.mark.parametrize("name", ["beta", "log-normal", "a table"])
def test_an_autoencoder_judges_with_gaps(name):
    model, x = fitted(name, gaps=True, kind=Autoencoder)
    assert np.isfinite(model.score_samples(x)).all()


@pytest.mark.parametrize("name", LAWS)
def test_what_is_missing_is_not_judged_and_what_was_observed_is(name):
    law, rows = LAWS[name]
    law = law()
    law = LIKELIHOODS.build(law, event_shape=(3,)) if isinstance(law, str) else law
    x = rows(np.random.default_rng(0))
    assert takes(law, x)
    assert takes(law, law.inside(x.shape[1])[None])
    wrong = x.copy()
    wrong[3, 1] = -0.25
    observed = np.ones(x.shape)
    if not takes(law, wrong):
        with pytest.raises(InputError, match=r"found -0\.25"):
            require_batch_supported(law, Batch(wrong, observed=observed))
    observed[3, 1] = 0
    for hidden in (-0.25, np.nan):
        wrong[3, 1] = hidden
        require_batch_supported(law, Batch(wrong, observed=observed))


@pytest.mark.parametrize("name", LAWS)
def test_a_saved_model_loads(name, tmp_path):
    model, x = fitted(name, gaps=False)
    model.save(tmp_path / "model.safetensors")
    again = VAE.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.score_samples(x, samples=2), model.score_samples(x, samples=2))
    assert str(again.summary()) == str(model.summary())
    if name == "a table":
        assert again.model_.likelihood.schema == SCHEMA


def test_a_damaged_schema_is_refused(tmp_path):
    model, _ = fitted("a table", gaps=False)
    model.save(tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole.replace(b'\\"positive\\"', b'\\"negative\\"'))
    with pytest.raises(InputError, match="kind should be one of"):
        VAE.load(tmp_path / "model.safetensors")


# What a log-probability is of

COUNTS = np.arange(400.0)
PAIRS = {  # the law, and every value that an entry can have
    "bernoulli": (Bernoulli(), np.array([0.0, 1])),
    "categorical": (Categorical(3), np.array([0, 0.5, 1])),
    "discretized logistic": (DiscretizedLogistic(levels=4), np.arange(4) / 3),
    "ordered": (Ordered((2,), 4), np.arange(4.0)),
    "categories": (Categories(3), np.arange(3.0)),
    "poisson": (Poisson(), COUNTS),
    "negative binomial": (NegativeBinomial((2,)), COUNTS),
    "encoded counts": (Encoded(NegativeBinomial((2,)), 2), COUNTS),
    "blocks": (Blocks([([1], Poisson()), ([0], Bernoulli())]), (np.array([0.0, 1]), COUNTS)),
    "a library's size": (NegativeBinomial((2,), offset="library"), COUNTS),
    "multinomial": (Multinomial(), COUNTS),
    "blocks with a size": (
        Blocks([([0], Bernoulli()), ([1], NegativeBinomial((1,), offset="library"))]),
        (np.array([0.0, 1]), COUNTS),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_probability_of_x_is_one_that_sums_to_one(name):
    """By enumeration of events of two entries: 400 counts leave out less than 1e-12 at means of a few."""
    law, values = PAIRS[name]
    x = (
        np.array(list(product(*values)))
        if isinstance(values, tuple)
        else np.array(list(product(values, values)))
    )
    x_params = np.full((1, law.n_params((2,))), 0.3)
    log_p, _ = law.log_prob(np.repeat(x_params, len(x), axis=0), x=x)
    total = np.exp(log_p).sum()
    assert law.is_probability(x) == bool(abs(total - 1) < 1e-9)
    assert law.is_probability(x) != bool(law.given)
    assert law.is_probability(x) or total > 1.5  # given something of x, its events are many


def test_what_is_no_probability():
    grey = np.full((2, 3), 0.5)
    for law in (
        Bernoulli(),
        Gaussian(),
        Beta(),
        LogNormal(3),
        of_schema(SCHEMA),
        Blocks([([0, 1], Poisson()), ([2], Gaussian())]),
    ):
        assert not law.is_probability(grey)
        assert law.given == ""
    assert Bernoulli().is_probability(np.rint(grey))
    both = Blocks(
        [([0], Multinomial()), ([1], NegativeBinomial((1,), offset="library")), ([2], Multinomial())]
    )
    assert both.given == "the document's length and the example's size"


def judgement(model, x, **config):
    run = SimpleNamespace(
        folder="run", model=model.model_, latents=1, config=SimpleNamespace(binarized=False, **config)
    )
    return Judgement(run, Dataset("x", x), Elbo(), samples=2, likelihood_of=5, seed=0)


@pytest.mark.parametrize(
    ("name", "words", "bits"),
    [
        ("discretized_logistic", "", True),
        ("categorical", "", True),
        ("poisson", "", True),
        ("ordered", "", True),
        ("negative_binomial", "", True),
        ("categories", "", True),
        ("a library's size", ", given the example's size", False),
        ("multinomial", ", given the document's length", False),
        ("gaussian", "", False),
        ("bernoulli", "", False),
        ("a table", "", False),
    ],
)
def test_evaluate_says_what_its_numbers_are_of(name, words, bits):
    model, x = fitted(name, gaps=False)
    if name == "bernoulli":
        assert METRICS["bits_per_dimension"].has(judgement(model, np.rint(x)))  # bits have a probability
    judged = judgement(model, x)
    assert METRICS["bits_per_dimension"].has(judged) == bits
    found = judged.metrics(["bound", "bound_of_those", "log_likelihood", "kl"])
    lines = dict(zip(found, judged.table(found).splitlines(), strict=True))
    assert f"nats per example{words}, ± " in lines["bound"]
    assert f"nats per example{words} (5 examples)" in lines["bound_of_those"]
    assert f"nats per example{words} (2 draws each of 5 examples)" in lines["log_likelihood"]
    assert "nats per example" in lines["kl"]
    assert "given" not in lines["kl"]  # KL(q(z|x) ‖ p(z)) is that of z


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("negative_binomial", "negative_binomial(offset='library')", False),
        ("negative_binomial", "negative_binomial(dispersion=3.0, offset='none')", True),
        (
            "negative_binomial(offset='library')",
            "negative_binomial(offset='library', zero_inflated=True)",
            True,
        ),
        ("categorical(levels=8)", "categorical(levels=4)", False),
        ("discretized_logistic", "discretized_logistic(levels=256, components=3)", True),
        ("discretized_logistic(16)", "discretized_logistic(8)", False),
        ("ordered(levels=5)", "ordered(levels=6)", True),
        ("gaussian", "gaussian(learned=True)", True),
        ("gaussian", "laplace", False),
    ],
)
def test_only_bounds_on_one_thing_are_compared(one, other, alike):
    base = Reading(folder=None, config=Config(data="x.npy"))
    runs = [
        replace(base, config=replace(base.config, recipe=f"mlp(likelihood={law})")) for law in (one, other)
    ]
    assert list(groups(runs).values()) == ([[0, 1]] if alike else [[0], [1]])


def test_names_of_categories_have_no_squared_error():
    model, x = fitted("categories", gaps=False)
    assert rate_distortion(lambda: model.model_, [{}], Dataset("x", x))[0].squared_error is None
    model, x = fitted("a table", gaps=True)
    np.testing.assert_array_equal(model.model_.likelihood.numeric(6), [True] * 5 + [False])
    (point,) = rate_distortion(lambda: model.model_, [{}], Dataset("x", x), seed=3)
    batch = Dataset("x", x).batch(slice(None), np.float32)
    one, _ = model.model_.run(batch, model.model_.draw_noise(N, np.random.default_rng(3)))
    apart = np.where(np.isnan(x), 0, batch.x - model.model_.likelihood.mean(one.x_params))[:, :5]
    # a few hundred float32 sums
    assert point.squared_error == pytest.approx((apart**2).sum(axis=1).mean(), rel=1e-5)


def test_folders_are_texts_or_paths(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((12, 4)).astype(np.float32))
    config = Config(data=str(tmp_path / "x.npy"), recipe="mlp(latent_dim=1, hidden=3)", epochs=1, held_out=2)
    for k, kind in enumerate((str, lambda path: path)):
        with Run.start(kind(tmp_path / f"run{k}"), config) as run:
            run.training().run()
            run.keep()(run.training(), "end")
        assert run.folder == tmp_path / f"run{k}"
        with Run.resume(kind(run.folder)) as again:
            assert (
                named_parameters(again.model).keys()
                == named_parameters(Run.open(kind(run.folder)).model).keys()
            )
        assert read_run(kind(run.folder)).config is not None
    for kind in (str, lambda path: path):
        runs = read_runs(kind(tmp_path))
        assert [one.folder.name for one in runs] == ["run0", "run1"]
        assert len(chosen_runs([kind(tmp_path)])) == 2
        assert run_names(runs, kind(tmp_path)) == ["run0", "run1"]
    with Run.start(None, config, root=str(tmp_path / "root")) as run:
        assert run.folder.parent == tmp_path / "root"
