"""What a likelihood says of data that it can't be the law of: it gives advice where that is true, and nowhere
else.
"""

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.likelihoods import require_supported
from scratchvae.recipes import mlp

PIXELS, COUNTS, LEVELS = "if these are pixels", "if these are counts", "if these are levels"
POISSON, GAUSSIAN = "the likelihood poisson", "the likelihood gaussian"
ALL = (PIXELS, COUNTS, LEVELS, POISSON, GAUSSIAN)
WHOLE = np.array([[0, 128, 255], [3, 4, 5.0]])

SAID = {  # the likelihood, the entries as they are stored, their kind: the advice
    "whole numbers up to 255": ("bernoulli", WHOLE, "values", {PIXELS, POISSON, GAUSSIAN}),
    "a whole number above 255": ("bernoulli", WHOLE + 1, "values", {POISSON, GAUSSIAN}),
    "a negative whole number": ("bernoulli", WHOLE - 4, "values", {GAUSSIAN}),
    "one entry that is not whole": (
        "bernoulli",
        WHOLE + np.array([[0, 0, -0.25], [0, 0, 0]]),
        "values",
        {GAUSSIAN},
    ),
    "one entry off by a rounding": ("bernoulli", WHOLE * (1 - 1e-7), "values", {PIXELS, POISSON, GAUSSIAN}),
    "pixels given to a law of counts": ("poisson", WHOLE, "pixels", {COUNTS, GAUSSIAN}),
    "levels of a law that has them": (
        "discretized_logistic(levels=4)",
        WHOLE % 4,
        "values",
        {PIXELS, LEVELS, POISSON, GAUSSIAN},
    ),
    "one level too many": (
        "discretized_logistic(levels=4)",
        WHOLE % 5,
        "values",
        {PIXELS, POISSON, GAUSSIAN},
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_advice_is_given_where_it_is_true(name):
    likelihood, x, kind, expected = SAID[name]
    stored = x.astype(np.uint8) if kind == "pixels" else x
    with pytest.raises(InputError) as refused:
        require_supported(
            "here", mlp((3,), likelihood=likelihood).likelihood, Dataset("d", stored, kind=kind)
        )
    said = str(refused.value)
    assert {words for words in ALL if words in said} == expected, said
