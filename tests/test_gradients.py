"""Every row of the case table: gradients, float32, and that no public op, distribution, layer or role goes
without a row.
"""

import inspect

import numpy as np
import pytest

from scratchvae import distributions, kernels, layers, likelihoods, objectives, ops, posteriors, priors
from scratchvae.checks import check_draws, check_pullback
from scratchvae.reference import all_cases, all_parts, sampling_cases

CASES = all_cases()
PARTS = all_parts()
PURE = [case for part in PARTS if inspect.isfunction(part.of) for case in part.cases]


def named(cases):
    return {"argvalues": cases, "ids": [case.name for case in cases]}


@pytest.mark.parametrize("case", **named(CASES))
def test_every_gradient_agrees_with_finite_differences(case):
    wrong = [str(c) for c in check_pullback(case.op, case.arrays, case.constants, tolerance=1e-7) if not c.ok]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", **named(CASES))
def test_both_twins_give_the_same_values_and_gradients(case):
    """So that finite differences of one twin are enough here; `scratchvae check` takes them of both."""
    found = {}
    for twin in kernels.TWINS:
        with kernels.using(twin):
            _, parts, gradients = parts_and_gradients(case, np.float64)
            found[twin] = (*parts, *gradients)
    for compiled, textbook in zip(found["compiled"], found["textbook"], strict=True):
        np.testing.assert_allclose(
            compiled, textbook, rtol=1e-9, atol=1e-10 * max(1, np.abs(textbook).max(initial=0))
        )


def parts_and_gradients(case, dtype):
    arrays = [a.astype(dtype) for a in case.arrays.values()]
    constants = {
        name: c.astype(dtype) if isinstance(c, np.ndarray) and c.dtype.kind == "f" else c
        for name, c in case.constants.items()
    }
    value, pullback = case.op(*arrays, **constants)
    parts = value if isinstance(value, tuple) else (value,)
    rng = np.random.default_rng(0)
    gradients = pullback(*(np.asarray(rng.standard_normal(part.shape), dtype) for part in parts))
    return arrays, parts, gradients if isinstance(gradients, tuple) else (gradients,)


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("case", **named(PURE))
def test_float32_goes_in_and_comes_out_and_agrees_with_float64(case, twin):
    with kernels.using(twin):
        arrays, parts, gradients = parts_and_gradients(case, np.float32)
        _, exact_parts, exact_gradients = parts_and_gradients(case, np.float64)
    assert all(part.dtype == np.float32 for part in parts)
    for array, gradient in zip(arrays, gradients, strict=True):
        assert gradient.dtype == np.float32
        assert gradient.shape == array.shape
    for single, double in zip((*parts, *gradients), (*exact_parts, *exact_gradients), strict=True):
        np.testing.assert_allclose(single, double, rtol=2e-5, atol=2e-5 * max(1, np.abs(double).max()))


def test_every_public_op_has_a_case():
    tried = {case.op for case in PURE if case.op.__module__.startswith("scratchvae.ops")}
    assert tried == {getattr(ops, name) for name in ops.__all__}


def test_every_distribution_function_with_a_pullback_has_a_case():
    public = set()
    for law in (getattr(distributions, name) for name in distributions.__all__):
        functions = inspect.getmembers(
            law, lambda m, law=law: inspect.isfunction(m) and m.__module__ == law.__name__
        )
        public |= {
            f
            for name, f in functions
            if not name.startswith("_") and name not in {"sample", "sample_standard"}
        }
    assert {case.op for case in PURE if case.op.__module__.startswith("scratchvae.distributions")} == public


@pytest.mark.parametrize(
    ("room", "interface"),
    [
        (layers, layers.Layer),
        (likelihoods, likelihoods.Likelihood),
        (objectives, objectives.Objective),
        (objectives, objectives.Penalty),
        (posteriors, posteriors.Posterior),
        (priors, priors.Prior),
    ],
    ids=["layers", "likelihoods", "objectives", "penalties", "posteriors", "priors"],
)
def test_every_class_of_a_room_has_a_case(room, interface):
    kinds = {
        name: c
        for name in room.__all__
        if inspect.isclass(c := getattr(room, name)) and issubclass(c, interface)
    }
    needed = {name for name, kind in kinds.items() if not inspect.isabstract(kind)}
    needed -= {interface.__name__, "Embedding"}  # which takes integers; its op has a case
    needed -= {
        "ScoreFunctionElbo",
        "Vimco",
    }  # whose pullback is no derivative of its value: tests by enumeration and of PyTorch do
    # the plain rows are made of these
    needed -= {"Bernoulli", "DiagonalGaussian", "Point", "StandardGaussian"}
    needed -= {"HierarchicalGaussian"}  # those of a Ladder are made of it
    missing = needed - {word.strip(",:") for case in CASES for word in case.name.split()}
    assert not missing, f"no case of scratchvae/reference/cases names {', '.join(missing)}"


@pytest.mark.parametrize("sampler", **named(sampling_cases()))
def test_draws_follow_their_density(sampler):
    draws = sampler.draw(100_000, np.random.default_rng(0))
    wrong = [str(m) for m in check_draws(draws, sampler.log_prob, sampler.points) if not m.ok]
    assert not wrong, "\n".join(wrong)


WIDE = {part.of.__name__: part.columns for part in PARTS if part.columns}


@pytest.mark.parametrize("name", WIDE)
def test_draws_are_independent_across_dimensions_and_examples(name):
    n = 20_000
    x = np.asarray(WIDE[name](n, np.random.default_rng(0)), np.float64)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    across, along = x.T @ x / n, x[1:].T @ x[:-1] / n
    assert np.abs(across - np.eye(3)).max() < 5 / np.sqrt(n)
    assert np.abs(along).max() < 5 / np.sqrt(n)


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_normal_draws_are_normal_whatever_generator_the_bits_come_from(bits):
    """MT19937 gives 32 bits at a time.

    Five words of the generator are the seed, and so the next call has another.
    """
    rng, twin = np.random.Generator(bits(0)), np.random.Generator(bits(0))
    x, y = (distributions.gaussian.sample_standard((20_001,), rng) for _ in range(2))
    assert x.shape == (20_001,)
    for draws in (x, y):
        words = kernels.random_bits(
            twin.bit_generator.random_raw(5).astype(np.uint32), np.arange(5001, dtype=np.uint32)
        )
        np.testing.assert_array_equal(draws, kernels.standard_normal(words.ravel()).ravel()[:20_001])
    assert abs(np.mean(x * y)) < 5 / np.sqrt(x.size)
    assert abs(x.mean()) < 5 / np.sqrt(x.size)
    assert abs(x.std() - 1) < 5 / np.sqrt(2 * x.size)


def test_every_sampler_has_a_sampling_case():
    rows = {case.name for case in sampling_cases()}
    draws = ("sample", "sample_standard", "reparameterize")
    laws = {
        f"{name}.{f}"
        for name in distributions.__all__
        for f in draws
        if hasattr(getattr(distributions, name), f)
    }
    public = [getattr(room, name) for room in (posteriors, likelihoods, priors) for name in room.__all__]
    interfaces = (posteriors.Posterior, likelihoods.Likelihood, priors.Prior)
    concrete = [
        c for c in public if inspect.isclass(c) and issubclass(c, interfaces) and not inspect.isabstract(c)
    ]
    # which draw nothing
    roles = {f"{c.__name__}.sample" for c in concrete} - {"Point.sample", "VectorQuantized.sample"}
    laws -= {"mixture.reparameterize"}  # by which MixturePosterior.sample draws
    assert rows == laws | roles
    assert WIDE.keys() == {role.partition(".")[0] for role in roles}
