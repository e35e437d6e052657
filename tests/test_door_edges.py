"""The edges of the doors: the first and the last of each kind, parts of lists that differ, and what stands
beside x.
"""

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.data import Dataset, arrival, as_table, digest, require_told_apart
from scratchvae.likelihoods import of_schema
from scratchvae.models import VAE
from scratchvae.models.conditions import Reals
from scratchvae.models.examples import as_dataset
from scratchvae.models.labels import indices_of
from scratchvae.recipes import mlp

N, D = 8, 4
X = np.arange(N * D, dtype=np.float64).reshape(N, D) % 5
HIDDEN = np.zeros((N, D), bool)
HIDDEN[[2, 5], [1, 3]] = True
GAPS = np.where(HIDDEN, np.nan, X)
MASKED = np.ma.MaskedArray(np.where(HIDDEN, -999, X), HIDDEN)


class Column:
    def __init__(self, values):
        self.values, self.dtype = values, values.dtype

    def to_numpy(self):
        return self.values


class Frame:
    """A DataFrame of a library whose columns become masked arrays."""

    dtypes = None

    def __init__(self, x):
        self.held = dict(zip("abcd", x.T, strict=True)) if isinstance(x, np.ndarray) else x
        self.columns = list(self.held)

    def __getitem__(self, name):
        return Column(self.held[name])

    def to_numpy(self):
        raise AssertionError("one dtype for all columns would change some of them")


# ---- masks -------------------------------------------------------------------------------------------------

PARTLY_MASKED = {
    "masked rows behind plain ones": [*X[:2], *MASKED[2:]],
    "a masked number behind plain ones": [
        [MASKED[i, d] if HIDDEN[i, d] else X[i, d] for d in range(D)] for i in range(N)
    ],
    "a frame with masked columns": Frame(MASKED),
}


@pytest.mark.parametrize("form", PARTLY_MASKED)
def test_what_a_mask_hides_is_missing_wherever_the_mask_stands(form):
    found = Dataset("x", PARTLY_MASKED[form]).batch(slice(None), np.float64).x_or_nan
    np.testing.assert_array_equal(found, GAPS)


@pytest.mark.parametrize("given", ["labels", "conditions", "observed"])
def test_what_is_known_of_examples_has_no_mask_in_its_last_part_either(given):
    known = {
        "labels": [*range(N - 1), np.ma.masked_array(1, True)],
        "conditions": [*np.ones((N - 1, 2)), np.ma.MaskedArray([1.0, 2.0], [False, True])],
        "observed": [*np.ones((N - 1, D)), np.ma.MaskedArray(np.ones(D), [True, False, False, False])],
    }
    with pytest.raises(InputError, match=f"{given} should be known, every entry of it; found 1 masked"):
        Dataset("x", X, **{given: known[given]})


# ---- kinds -------------------------------------------------------------------------------------------------

LAST = {  # kind: what is the last that can be of it, and the first that cannot
    "the brightest pixel": ("pixels", 255, 256),
    "a little brighter": ("pixels", 255, np.nextafter(255, 256)),
    "the darkest pixel": ("pixels", 0, -1e-300),
    "the least count": ("counts", 0, -1),
    "no half count": ("counts", 2, 2.5),
}


@pytest.mark.parametrize("name", LAST)
def test_the_last_number_of_a_kind_is_taken_and_the_next_is_refused(name):
    kind, last, beyond = LAST[name]
    Dataset("x", np.full((2, 2), float(last)), kind=kind)
    x = np.full((3, 2), float(last))
    x[2, 1] = beyond
    with pytest.raises(InputError, match=f"{kind} should be .* column 1 of example 2 is"):
        Dataset("x", x, kind=kind)


def test_names_of_a_frame_come_with_its_columns():
    assert arrival("x", Frame(MASKED)).names == tuple("abcd")


def test_pixels_that_are_divided_already_may_reach_1():
    with pytest.raises(
        InputError, match="found fractions from 0 to 1, as of pixels that are divided already"
    ):
        Dataset("x", np.array([[0.5, 1.0]]), kind="pixels")


def test_a_number_of_no_kind_is_found_in_whatever_part_is_looked_at(monkeypatch):
    monkeypatch.setattr("scratchvae.data.kinds.CHECKED_AT_ONCE", 2 * D)
    x = X.copy()
    x[6, 1] = -1
    with pytest.raises(InputError, match="column 1 of example 6 is -1"):
        Dataset("x", x, kind="counts")


# ---- what was observed -------------------------------------------------------------------------------------


def test_missing_is_what_any_of_mask_nan_and_observed_call_missing():
    x, observed = MASKED.copy(), np.ones((N, D))
    x[0, 0] = np.nan
    observed[7, 2] = 0
    found = Dataset("x", x, observed=observed).observed
    expected = ~HIDDEN
    expected[[0, 7], [0, 2]] = False
    np.testing.assert_array_equal(found, expected)


# ---- entries beside which others vanish --------------------------------------------------------------------

TOLD_APART = {  # the last column, and the row of the entry that is refused, if one is
    "just told apart": ([0, 10] * 300, {}, None),  # float32 resolves 10 beside 7e6: 0.1/ε times 10 is 8.4e6
    "near the limit": ([0, 10] * 300, {7: 7e6}, None),
    "beyond the limit": ([0, 10] * 300, {7: 1e7}, 7),
    "beyond it downwards": ([0, 10] * 300, {7: -1e7}, 7),
    "behind the first examples": ([0, 10] * 300, {550: 1e7}, 550),
    "gaps among large numbers": (1e8 + np.arange(600.0) * 10, {555: np.nan}, None),
}


@pytest.mark.parametrize("name", TOLD_APART)
def test_an_entry_is_refused_just_where_float32_loses_the_others(name):
    column, others, wrong = TOLD_APART[name]
    column = np.array(column, np.float64)
    for row, entry in others.items():
        column[row] = entry
    data = Dataset("x", np.stack([np.zeros(600), column], axis=1))
    if wrong is None:
        require_told_apart("fit", data, np.float32)
        return
    with pytest.raises(
        InputError, match=rf"column 1 of example {wrong} is {others[wrong]:g}".replace("+", r"\+")
    ):
        require_told_apart("fit", data, np.float32)


# ---- the verbs of models -----------------------------------------------------------------------------------


def test_a_set_of_pictures_keeps_its_gaps_as_rows_and_rows_with_names_become_pictures():
    lines = Dataset("x", MASKED.astype(int).reshape(N, 1, 1, D))  # whose mask alone says what is missing
    np.testing.assert_array_equal(as_dataset("fit", lines, (D,)).observed, ~HIDDEN)
    named = as_dataset("fit", Frame(MASKED), (1, 2, 2))
    assert named.entry_names == ()
    np.testing.assert_array_equal(named.observed, ~HIDDEN.reshape(N, 1, 2, 2))


@pytest.mark.parametrize(("whole", "fine"), [(5, 1), (-1, 0)])
def test_whole_numbers_beyond_0_and_1_are_no_pixels_that_were_divided(whole, fine):
    one = mlp((D,), latent_dim=2, hidden=(3,), likelihood="gaussian", seed=0)
    one.fit(Dataset("x", X * 50, kind="pixels"), epochs=1)
    one.transform(np.full((2, D), float(fine)))
    with pytest.raises(
        InputError, match=f"column 0 of example 0 is {whole}, and the model was fitted to pixels"
    ):
        one.transform(np.full((2, D), float(whole)))


def test_a_model_of_a_table_reads_frames_by_its_columns_and_refuses_others():
    words = np.array(["low", "mid", "high"], object)
    frame = Frame({"size": X[:, 0] / 3 + X[:, 1], "kind": words[X[:, 2].astype(int) % 3]})
    table = as_table(frame)
    one = VAE(latent_dim=2, hidden=4, epochs=1, likelihood=of_schema(table.schema)).fit(frame)
    np.testing.assert_array_equal(one.transform(frame), one.transform(table))
    with pytest.raises(
        InputError, match=r"should be given columns of numbers, found the levels of kind.*of_schema"
    ):
        VAE(latent_dim=2, hidden=4, epochs=1).fit(table)
    numbers = VAE(latent_dim=2, hidden=4, epochs=1, likelihood="gaussian").fit(Frame(X))
    turned = Frame(dict(reversed(Frame(X).held.items())))
    with pytest.raises(ValueError, match=r"(?i)feature names|columns"):
        numbers.transform(turned)


@pytest.mark.parametrize("stranger", ["aa", "z", "A"])
def test_a_label_that_the_model_was_not_fitted_to_is_named(stranger):
    labels = np.array(["a", "b", "c"])
    assert indices_of("sample", ["c", "a"], labels).tolist() == [2, 0]
    with pytest.raises(InputError, match=f"y should be one of the labels .*found '?.*{stranger}"):
        indices_of("sample", ["b", stranger], labels)


def test_what_a_mask_hides_of_whole_numbers_is_part_of_a_digest():
    x = X.astype(int)
    first = digest(Dataset("x", np.ma.MaskedArray(x, HIDDEN)))
    assert first != digest(Dataset("x", x))
    assert first != digest(Dataset("x", np.ma.MaskedArray(x, HIDDEN[::-1])))


@pytest.mark.parametrize("shape", [(2, 5), (5, 3), (5,), (1, 2)])
def test_conditions_lie_in_rows(shape):
    with pytest.raises(InputError, match="finite numbers for each example"):
        Reals(2).read("fit", np.ones(shape), 5)


def test_what_is_hidden_is_far_from_nothing():
    """A large column whose hidden entries stand as 0 has no entry apart: nobody has seen the zeros."""
    x = np.ones((N, 2))
    x[:, 1] = 1e12 + 1e4 * np.arange(N)
    hidden = np.zeros((N, 2), bool)
    hidden[3, 1] = True
    require_told_apart("fit", Dataset("x", np.ma.MaskedArray(np.where(hidden, 0.0, x), hidden)), np.float32)
    with pytest.raises(InputError, match="column 1 of example 3 is 0"):
        require_told_apart("fit", Dataset("x", np.where(hidden, 0.0, x)), np.float32)


def test_one_number_for_each_example_is_a_row_or_a_column():
    for y in (np.arange(5) * 70_000, (np.arange(5) * 70_000)[:, None]):  # beyond what halves hold
        np.testing.assert_array_equal(Reals(1).read("fit", y, 5), 70_000 * np.arange(5.0)[:, None])
