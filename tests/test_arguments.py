"""Arguments that could be exchanged unseen: the constants of every case tell its arguments apart, gradients
and draws alike.
"""

import inspect
from itertools import combinations

import numpy as np
import pytest

from scratchvae import distributions
from scratchvae.arrays import InputError
from scratchvae.checks import check_draws
from scratchvae.distributions import gaussian_algebra
from scratchvae.reference import all_parts, sampling_cases

N = 20_000
PURE = [case for part in all_parts() if inspect.isfunction(part.of) for case in part.cases]


def exchanged(function, first, second, happened):
    """`function`, which exchanges these two arguments where they have one shape, and adds each such call to
    `happened`.
    """
    signature = inspect.signature(function)

    def wrong(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        a, b = bound.arguments[first], bound.arguments[second]
        if a.shape == b.shape:
            happened.append(first)
            bound.arguments[first], bound.arguments[second] = b, a
        return function(*bound.args, **bound.kwargs)

    return wrong


SAMPLERS = [
    (law, sampler, first, second)
    for law in distributions.__all__
    for sampler in ("sample", "reparameterize")
    if hasattr(getattr(distributions, law), sampler)
    for first, second in combinations(
        [
            name
            for name in inspect.signature(getattr(getattr(distributions, law), sampler)).parameters
            if name not in ("draws", "levels", "temperature")
        ],
        2,
    )
]


@pytest.mark.parametrize(
    ("law", "sampler", "first", "second"), SAMPLERS, ids=[".".join(row) for row in SAMPLERS]
)
def test_draws_with_two_arguments_exchanged_do_not_follow_the_density(
    law, sampler, first, second, monkeypatch
):
    room, happened = getattr(distributions, law), []
    monkeypatch.setattr(room, sampler, exchanged(getattr(room, sampler), first, second, happened))
    for case in sampling_cases():
        happened.clear()
        with np.errstate(all="ignore"):
            case.draw(2, np.random.default_rng(0))
            if happened:  # this case draws by that sampler
                draws = case.draw(N, np.random.default_rng(0))
                assert not all(moment.ok for moment in check_draws(draws, case.log_prob, case.points)), (
                    case.name
                )


def test_exchanges_are_tried_of_every_sampler_with_two_arguments_of_a_shape():
    tried = {(law, sampler) for law, sampler, *_ in SAMPLERS}
    assert ("laplace", "reparameterize") in tried
    assert len(tried) >= 9


@pytest.mark.parametrize("case", PURE, ids=[case.name for case in PURE])
def test_a_case_tells_its_arguments_apart(case):
    """Exchanging two of one shape changes a value, or for arguments that a value has in common (x and mean) a
    gradient.
    """
    given = {**case.arrays, **{name: c for name, c in case.constants.items() if isinstance(c, np.ndarray)}}
    rest = {name: c for name, c in case.constants.items() if name not in given}

    def run(arrays):
        constants = {name: arrays[name] for name in given if name in case.constants}
        value, pullback = case.op(*(arrays[name] for name in case.arrays), **constants, **rest)
        parts = value if isinstance(value, tuple) else (value,)
        rng = np.random.default_rng(0)
        gradients = pullback(*(rng.standard_normal(part.shape) for part in parts))
        return [*parts, *(gradients if isinstance(gradients, tuple) else (gradients,))]

    right = run(given)
    for first, second in combinations(given, 2):
        a, b = given[first], given[second]
        if a.shape == b.shape and a.dtype == b.dtype:
            try:
                with np.errstate(all="ignore"):
                    wrong = run({**given, first: b, second: a})
            except InputError:  # what is no count is refused
                continue
            apart = [np.abs(r - w).max() / np.abs(r).max() for r, w in zip(right, wrong, strict=True)]
            if case.op is gaussian_algebra.sum_of_independent and first.removeprefix(
                "other_"
            ) == second.removeprefix("other_"):
                continue  # a sum has the same law in either order, and the same slopes
            # NaN, of the root of a negative number, is apart too
            assert not max(apart) < 0.1, (first, second)
