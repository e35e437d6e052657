"""The one door for data: every form at every door, kinds that are declared, shapes, and the tables of
data/README.md.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import scratchvae
from scratchvae import data
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.layers import named_parameters
from scratchvae.likelihoods import GaussianPerPixel
from scratchvae.models import FactorAnalysis, NaiveBayes, ProbabilisticPCA
from scratchvae.recipes import convolutional, mlp
from scratchvae.reference import diagnose
from scratchvae.training import Diverged

README = Path(scratchvae.__file__).parent / "data" / "README.md"
N, D = 8, 4
RNG = np.random.default_rng(0)
X = RNG.integers(0, 2, (N, D)).astype(np.float64)  # exact in every dtype
X[:2] = [[0, 1, 0, 1], [1, 0, 1, 0]]  # no column is constant
HIDDEN = np.zeros((N, D), bool)
HIDDEN[[2, 5], [1, 3]] = True
GAPS = np.where(HIDDEN, np.nan, X)
LABELS = np.arange(N) % 2


def sparse(x):
    from scipy import sparse

    return sparse.csr_matrix(x)


class Column:
    def __init__(self, values):
        self.values = values

    def to_numpy(self):
        return self.values


class Frame:
    """What the door knows a DataFrame by, where pandas is not installed."""

    def __init__(self, columns):
        self.columns = list(columns)
        self.held, self.dtypes = columns, None

    def __getitem__(self, name):
        return Column(self.held[name])

    def to_numpy(self):
        return np.stack(list(self.held.values()), axis=1)


def frame(x, **columns):
    columns = dict(zip("abcd", np.transpose(x), strict=True)) | columns
    try:
        import pandas
    except ImportError:
        return Frame(columns)
    return pandas.DataFrame(columns)


class Tensor:
    """What the door knows a tensor by, where torch is not installed."""

    layout = "torch.strided"

    def __init__(self, x, requires_grad=False):
        self.x, self.requires_grad, self.shape, self.dtype = x, requires_grad, x.shape, f"torch.{x.dtype}"

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.x

    def detach(self):
        return Tensor(self.x)

    def cpu(self):
        return self

    def numpy(self):
        return np.asarray(self)

    def to_sparse(self):
        other = Tensor(self.x)
        other.layout = "torch.sparse_coo"
        return other


def torch(x, **settings):
    try:
        import torch
    except ImportError:
        return Tensor(x, **settings)
    return torch.tensor(x, **settings)


class Device:
    """An array of another library, which NumPy reads through __array__."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return self.x


def jax(x):
    try:
        from jax import numpy
    except ImportError:
        return Device(x.astype(np.float32))
    return numpy.asarray(x, np.float32)


def memory_map(folder):
    np.save(folder / "x.npy", X)
    return np.load(folder / "x.npy", mmap_mode="r")


def _pieces(masked):
    """Each number of a masked array as a masked array of its own."""
    return [[np.ma.MaskedArray(masked.data[i, d], masked.mask[i, d]) for d in range(D)] for i in range(N)]


def objects():
    x = X.astype(object)
    x[3, 2] = {"a": 1}
    return x


FORMS = {  # of which the README's first table has a row each
    "an array of floats": lambda at: X.copy(),
    "an array of float16": lambda at: X.astype(np.float16),
    "an array of another byte order": lambda at: X.astype(">f8"),
    "an array of integers": lambda at: X.astype(np.int64),
    "an array of bools": lambda at: X.astype(bool),
    "an array of Python's numbers": lambda at: X.astype(object),
    "a memory map": memory_map,
    "a list of lists": lambda at: X.tolist(),
    "a list of arrays": lambda at: list(X),
    "a DataFrame of numbers": lambda at: frame(X),
    "a torch tensor": lambda at: torch(X),
    "a torch tensor with a gradient": lambda at: torch(X, requires_grad=True),
    "a JAX array": lambda at: jax(X),
    "floats with NaN": lambda at: GAPS.copy(),
    "a masked array": lambda at: np.ma.MaskedArray(np.where(HIDDEN, -999.0, X), HIDDEN),
    "a masked array of integers": lambda at: np.ma.MaskedArray(np.where(HIDDEN, -999, X).astype(int), HIDDEN),
    "a list of masked arrays": lambda at: list(np.ma.MaskedArray(np.where(HIDDEN, -999.0, X), HIDDEN)),
    "a list of lists of masked numbers": lambda at: _pieces(
        np.ma.MaskedArray(np.where(HIDDEN, -999.0, X), HIDDEN)
    ),
    "an object that gives a masked array": lambda at: Device(
        np.ma.MaskedArray(np.where(HIDDEN, -999.0, X), HIDDEN)
    ),
    "a list with None": lambda at: [[None if np.isnan(e) else e for e in row] for row in GAPS],
    "floats with an infinity": lambda at: np.where(HIDDEN, np.inf, X),
    "a sparse matrix": lambda at: sparse(X),
    "a sparse torch tensor": lambda at: torch(X).to_sparse(),
    "a ragged list": lambda at: [[0.0, 1.0, 0.0, 1.0], [1.0, 0.0]],
    "complex numbers": lambda at: X + 1j,
    "strings": lambda at: X.astype(str),
    "dates": lambda at: X.astype("datetime64[D]"),
    "records": lambda at: np.zeros(N, [("a", float), ("b", float)]),
    "an array of objects": lambda at: objects(),
    "an array with numbers beyond floats": lambda at: np.where(HIDDEN, 10**400, X.astype(object)),
    "an object that gives no array": lambda at: Device(X.tolist()),
    "strings without an entry": lambda at: X[:0].astype("U3"),
    "a DataFrame with a column of texts": lambda at: frame(X, d=np.array(["word"] * N, object)),
    "an array without examples": lambda at: X[:0],
    "an array without columns": lambda at: X[:, :0],
    "a single number": lambda at: np.float64(1.0),
    "one row without its axis": lambda at: X[0],
    "a path": lambda at: at / "x.npy",
    "None": lambda at: None,
    "a dict": lambda at: {"x": X},
    "a set": lambda at: {0.0, 1.0},
    "a generator": lambda at: iter(X),
}


def model(**settings):
    return mlp((D,), latent_dim=2, hidden=(3,), seed=0, **settings)


FITTED = model().fit(X, epochs=1)
LINEAR = {kind: kind(1, min_noise_variance=1e-3, max_steps=3) for kind in (FactorAnalysis, ProbabilisticPCA)}
LOGITS = RNG.normal(size=(N, D))
LOG_PX = X * LOGITS - np.logaddexp(0, LOGITS)  # of each entry


def batch_of(given):
    return Dataset("x", given).batch(slice(None), np.float64).x_or_nan


def losses(given, **settings):
    return [record["train"]["loss"] for record in model().fit(given, epochs=2, **settings).history]


def judged(given):
    return model().fit(X, epochs=1, held_out=given).history[0]["held_out"]["loss"]


def linear(kind, verb):
    def door(given):
        if verb == "fit":
            return LINEAR[kind].fit(given).mean
        return getattr(LINEAR[kind].fit(X), verb)(given)

    return door


def diagnosed(given):
    """Whether log p(x|z) of all entries agrees with x, and whether that of the observed ones does."""
    given_log_px = [LOG_PX.sum(axis=1), np.where(HIDDEN, 0, LOG_PX).sum(axis=1)]
    steps = [{"x": given, "logits": LOGITS, "log_px": log_px} for log_px in given_log_px]
    return np.array([diagnose(step, likelihood="bernoulli").first is None for step in steps])


DOORS = {  # door: the README's column, and what comes out
    "Dataset": (1, batch_of),
    "fit": (1, losses),
    "fit, with labels that nobody asks for": (1, lambda x: losses(x, y=LABELS)),
    "held_out": (1, judged),
    "transform": (1, lambda x: FITTED.transform(x)),
    "encode": (1, lambda x: FITTED.encode(x)),
    "reconstruct": (1, lambda x: FITTED.reconstruct(x)),
    "score_samples": (1, lambda x: FITTED.score_samples(x)),
    "score": (1, lambda x: FITTED.score(x)),
    "impute": (1, lambda x: FITTED.impute(x, samples=3)),
    **{
        f"{kind.__name__}.{verb}": (2, linear(kind, verb))
        for kind in LINEAR
        for verb in ("fit", "transform", "score_samples")
    },
    "decode": (3, lambda x: mlp((3,), latent_dim=D, hidden=(3,), seed=0).decode(x)),
    "diagnose": (4, diagnosed),
}


def table(start):
    """The rows of the first table of the README behind that text, by their first cell."""
    lines = README.read_text(encoding="utf-8").split(start, 1)[1].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|---")) + 1
    rows = [line for line in lines[first : first + lines[first:].index("")] if line.startswith("|")]
    return {
        cells[0]: cells for cells in ([cell.strip() for cell in row.strip("|").split("|")] for row in rows)
    }


ROWS = table("## In which form")


def test_the_readme_has_a_row_for_every_form():
    assert list(ROWS) == list(FORMS)
    words = {cell for row in ROWS.values() for cell in row[1:5]}
    assert words == {"taken", "missing", "refused", "reported", "none"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_at_every_door_is_right_or_one_sentence(form, door, tmp_path):
    given, (column, call) = FORMS[form](tmp_path), DOORS[door]
    expected = ROWS[form][column]
    if (form, door) == ("None", "held_out"):
        return  # which says that nothing is held out
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # as scikit-learn says of a model that was fitted to an array
        warnings.filterwarnings("ignore", "X has feature names")
        if expected == "reported":  # a step that is no number is what diagnosis is for
            call(given)
            return
        if expected == "refused":
            with pytest.raises(InputError) as refusal:
                call(given)
            said = str(refusal.value)
            assert "\n" not in said
            assert len(said) < 500
            if column == 1:
                assert ROWS[form][5].strip("`").lower() in said.lower()
            return
        found = call(given)
    if expected == "none":
        assert len(found) == 0
        return
    same = (
        X
        if expected == "taken"
        else GAPS
        if column < 4
        else np.ma.MaskedArray(np.where(HIDDEN, 7.0, X), HIDDEN)
    )
    # codes of float64 are computed in float64
    np.testing.assert_allclose(found, call(same), rtol=1e-6, atol=1e-7)
    if expected == "missing":
        assert not np.array_equal(found, call(np.where(HIDDEN, 1 - X, X)), equal_nan=True)


def test_naive_bayes_has_the_door_too(tmp_path):
    one = NaiveBayes(GaussianPerPixel(), smoothing=0.1)
    expected = one.fit(X, LABELS).score_samples(X)
    for form, row in ROWS.items():
        given = FORMS[form](tmp_path)
        if row[2] == "taken":
            np.testing.assert_array_equal(one.fit(given, LABELS).score_samples(given), expected)
        elif not isinstance(given, dict):
            with pytest.raises(InputError):
                one.fit(given, LABELS)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int16, np.int64, np.uint64, np.float16, np.float32, np.float64, ">f8"]
)
def test_a_file_gives_what_its_array_gives_in_every_dtype(suffix, dtype, tmp_path):
    counts = (X * 7).astype(dtype)
    path = tmp_path / f"x.{suffix}"
    np.save(path, counts) if suffix == "npy" else np.savez(path, counts)
    read = data.load(path)
    assert read.kind == "values"
    np.testing.assert_array_equal(read.batch(slice(None)).x, counts.astype(np.float32), strict=True)
    np.testing.assert_array_equal(batch_of(counts), counts.astype(np.float64))
    as_floats = (
        model(likelihood="poisson").fit(counts.astype(np.float32), epochs=1).history[0]["train"]["loss"]
    )
    assert model(likelihood="poisson").fit(counts, epochs=1).history[0]["train"]["loss"] == as_floats
    assert model(likelihood="poisson").fit(read, epochs=1).history[0]["train"]["loss"] == as_floats


# ------------------------------------------------------------------------------------------------------------
# kinds


BYTES = np.array([[0, 51, 255, 3]] * N, np.uint8) + np.arange(N, dtype=np.uint8)[:, None] % 2 * np.array(
    [1, 0, 0, 1], np.uint8
)
NUMBERS = {  # of which the README's table of likelihoods has a row each
    "bytes from 0 to 255": BYTES,
    "bytes from 0 to 255, declared pixels": Dataset("x", BYTES, kind="pixels"),
    "bytes of 0 and 1": X.astype(np.uint8),
    "int64 counts": (X * 300).astype(np.int64),
    "float64 counts": X * 300,
    "floats from 0 to 1": X / 3,
    "negative numbers": X - 2,
}
LAWS = {1: ("bernoulli",), 2: ("poisson", "multinomial"), 3: ("gaussian",)}
SUPPORTED = table("It also names a kind or a likelihood")
VERBS = {
    "fit": lambda one, x: one.fit(x, epochs=1),
    "held_out": lambda one, x: one.fit(np.zeros((2, D)), epochs=1, held_out=x),
    "transform": lambda one, x: one.transform(x),
    "reconstruct": lambda one, x: one.reconstruct(x),
    "score_samples": lambda one, x: one.score_samples(x),
    "impute": lambda one, x: one.impute(x, samples=2),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_likelihood_is_given_only_what_it_gives_a_probability(name, verb):
    for column, laws in LAWS.items():
        for law in laws:
            _try(SUPPORTED[name][column], VERBS[verb], law, NUMBERS[name])


def calm(law):
    """A model whose first weights are so small that counts of hundreds overflow nothing."""
    one = model(likelihood=law)
    for parameter in named_parameters(one).values():
        parameter.value = parameter.value * np.float32(1e-3)
    return one


def _try(cell, call, law, x):
    if cell == "taken":
        call(calm(law), x)
        return
    helps = cell.split("`")[1]
    with pytest.raises(InputError, match=re.escape(helps)) as refusal:
        call(model(likelihood=law), x)
    assert re.search(r"column \d of example \d is -?[\d.]+", str(refusal.value))
    if helps == "kind='pixels'":  # the advice is true
        call(calm(law), Dataset("x", x, kind="pixels"))
    elif helps == "kind='counts'":
        call(calm(law), Dataset("x", BYTES, kind="counts"))
    else:
        call(calm(helps), x)


def test_the_readme_has_a_row_for_all_numbers():
    assert list(SUPPORTED) == list(NUMBERS)


def test_one_hot_bytes_are_ones():
    one_hot = np.eye(4, dtype=np.uint8)[RNG.integers(0, 4, 100)]
    found = model().fit(one_hot, epochs=40, learning_rate=0.03).reconstruct(one_hot).sum(axis=1)
    assert 0.5 < found.mean() < 1.5


@pytest.mark.parametrize("verb", ["transform", "reconstruct", "score_samples", "impute"])
def test_a_model_fitted_to_pixels_does_not_take_other_numbers_for_them(verb):
    pixels = Dataset("x", BYTES, kind="pixels")
    one = model(likelihood="gaussian").fit(pixels, epochs=1)
    with pytest.raises(InputError, match=r"column 1 of example 0 is 51.*kind='pixels'"):
        VERBS[verb](one, BYTES)
    np.testing.assert_array_equal(VERBS[verb](one, BYTES / np.float32(255)), VERBS[verb](one, pixels))
    for kind in LINEAR:
        one = kind(1, min_noise_variance=1e-3).fit(pixels)
        with pytest.raises(InputError, match="kind='pixels'"):
            one.transform(BYTES)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Dataset("d", X, kind="pixel"),
            "kind should be one of counts, pixels, values; found 'pixel'",
        ),
        (lambda: Dataset("d", X / 2, kind="pixels"), r"from 0 to 0.5.*divided already: kind='values'"),
        (lambda: Dataset("d", X * 300, kind="pixels"), "column 1 of example 0 is 300"),
        (lambda: Dataset("d", X - 1, kind="pixels"), "column 0 of example 0 is -1"),
        (lambda: Dataset("d", X > 0, kind="pixels"), "found bools: kind='values'"),
        (lambda: Dataset("d", X + 0.5, kind="counts"), "column 0 of example 0 is 0.5"),
        (lambda: Dataset("d", (X - 1).astype(int), kind="counts"), "column 0 of example 0 is -1"),
        (lambda: Dataset(X, X), "first argument should be a name"),
    ],
)
def test_a_kind_that_cannot_be_is_said_in_words(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_what_is_hidden_may_be_of_any_kind():
    hidden = np.ma.MaskedArray(np.where(HIDDEN, -5.5, X), HIDDEN)
    for kind in ("counts", "pixels", "values"):
        assert Dataset("d", hidden, kind=kind).kind == kind


# ------------------------------------------------------------------------------------------------------------
# shapes, sizes


def test_channels_last_and_other_orders_of_axes_are_refused_with_the_fix():
    one = convolutional((3, 8, 12), latent_dim=2, channels=(2,), hidden=3)
    right = RNG.random((4, 3, 8, 12))
    expected = one.transform(right)
    last = np.moveaxis(right, 1, 3)
    for given in (last, Dataset("d", last)):
        for verb in (one.transform, one.score_samples, one.reconstruct, lambda x: one.fit(x, epochs=1)):
            with pytest.raises(InputError, match=r"np.transpose\(x, \(0, 3, 1, 2\)\) brings them first"):
                verb(given)
    np.testing.assert_array_equal(one.transform(np.transpose(last, (0, 3, 1, 2))), expected)
    np.testing.assert_array_equal(one.transform(right.reshape(4, -1)), expected)
    for shape in ((4, 12, 8, 3), (4, 8, 3, 12), (4, 24, 12), (4, 2, 144)):
        with pytest.raises(InputError, match=r"should have shape \(N, 288\) or \(N, 3, 8, 12\)"):
            one.transform(right.reshape(shape))
    grey = mlp((1, 4, 6), latent_dim=2, hidden=(3,))
    x = RNG.random((5, 1, 4, 6))
    for shape in ((5, 4, 6), (5, 4, 6, 1), (5, 24)):
        np.testing.assert_array_equal(grey.transform(x.reshape(shape)), grey.transform(x))
    with pytest.raises(InputError, match=r"x.reshape\(len\(x\), -1\) makes rows of it"):
        mlp((24,), latent_dim=2, hidden=(3,)).transform(x[:, 0])


def test_an_entry_that_drowns_its_column_is_named():
    x = RNG.normal(size=(50, D))
    x[17, 2] = 1e30
    with pytest.raises(Diverged, match=r"example 17, whose largest entry is 1e\+30 in column 2"):
        model(likelihood="gaussian").fit(x, epochs=1)
    for verb in (
        lambda: model(likelihood="gaussian", standardize=True).fit(x, epochs=1),
        lambda: FactorAnalysis(1).fit(x),
        lambda: ProbabilisticPCA(1).fit(-x),
    ):
        with pytest.raises(InputError, match=r"column 2 of example 17 is -?1e\+30.*NaN"):
            verb()
    x[17, 2] = np.nan
    model(likelihood="gaussian", standardize=True).fit(x, epochs=1)
    x[:, 3] *= 1e30  # a column in a small unit is none of that
    model(likelihood="gaussian", standardize=True).fit(x, epochs=1)
    x[:, 3] = np.arange(50) == 9  # nor is one with a rare entry
    model(likelihood="gaussian", standardize=True).fit(x * 1e9, epochs=1)


def test_a_constant_column_is_named_where_it_does_harm():
    x = RNG.normal(size=(50, D))
    x[:, [0, 2]] = 2.5
    with pytest.raises(InputError, match="column 0, column 2 are constant"):
        FactorAnalysis(1).fit(x)
    named = Dataset("d", x[:, 2:], entry_names=("age", "size"))
    with pytest.raises(InputError, match="column 'age' is constant"):
        FactorAnalysis(1).fit(named)


def test_names_of_columns_are_in_messages():
    with pytest.raises(InputError, match="column 'a' of example 0 is -2"):
        model(likelihood="poisson").fit(frame(X - 2), epochs=1)


def test_a_y_may_be_a_tensor_or_a_masked_array_that_hides_nothing():
    told = mlp((D,), latent_dim=2, hidden=(3,), model="conditional_vae", classes=2, seed=0)
    expected = told.transform(X, LABELS)
    np.testing.assert_array_equal(told.transform(X, np.ma.MaskedArray(LABELS)), expected)
    np.testing.assert_array_equal(told.transform(X, torch(LABELS)), expected)
