"""The kernels: that both twins say the same, that what they say is right, and which of them is in use."""

import inspect
import os
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import hypothesis.strategies as st
import mpmath
import numba
import numpy as np
import pytest
from hypothesis import given, settings

from scratchvae import kernels
from scratchvae.arrays import InputError
from scratchvae.kernels.compiled import cache, compiler, exponential
from scratchvae.reference.cases import ops as op_cases

NAMES = sorted(set(kernels.__all__) - {"in_use", "use", "using"})
FILES = (
    "aggregate",
    "codes",
    "convolution",
    "counts",
    "densities",
    "draws",
    "gamma_family",
    "logistic",
    "missing",
    "pointwise",
    "rows",
    "sphere",
    "unit_interval",
    "updates",
)
DTYPES = (np.float32, np.float64)
jit = pytest.mark.skipif(
    numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT: nothing is compiled that could hold these bounds"
)
EXTREMES = (
    0.0,
    1e-45,
    1e-40,
    5e-324,
    1e-310,
    1e-20,
    1e-5,
    0.25,
    0.7,
    1.0,
    1.3,
    3.0,
    5.5,
    9.0,
    17.0,
    40.0,
    80.0,
    1e4,
    np.inf,
)


def both_twins(name):
    file = kernels._FILES[name]
    return [
        getattr(import_module(f"scratchvae.kernels.{twin}.{file}"), name) for twin in ("textbook", "compiled")
    ]


def extremes(dtype):
    """Ordinary numbers, then both signs of EXTREMES and NaN."""
    ordinary = np.random.default_rng(3).normal(size=150) * 4
    return np.concatenate([ordinary, EXTREMES, np.negative(EXTREMES), [np.nan]]).astype(dtype)


def ulps_apart(a, b, scale):
    """|a − b| in units of the last place of max(|b|, scale); 0 where both are NaN, or the same infinity."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    unit = np.spacing(np.where(np.isfinite(b), np.maximum(np.abs(b), scale), 1).astype(b.dtype))
    return np.where(same, 0, np.abs(a.astype(np.longdouble) - b) / unit)


def example(name, dtype, rows=5, columns=7):
    """Ordinary arguments for any kernel."""
    rng = np.random.default_rng(7)

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    a, b, c = normal(rows, columns), normal(rows, columns), normal(rows, columns)
    place = rng.integers(0, 9, size=(2, 3, 3, 2))
    special = {
        "leaky_relu": (a, 0.2),
        "leaky_relu_backward": (a, b, 0.2),
        "elu": (a, 1.3),
        "elu_backward": (a, b, c, 1.3),
        "add_to_rows": (a, normal(columns)),
        "aggregate_sums": (a, normal(3, columns), normal(3, columns), normal(rows, 3)),
        "aggregate_sums_backward": (
            normal(rows, columns + 1),
            *(a, normal(3, columns), normal(3, columns), normal(rows, 3)),
            *(normal(rows, columns + 1), np.exp(normal(rows, columns + 1))),
        ),
        "bernoulli_log_prob": (a, abs(b), 1),
        "bernoulli_log_prob_backward": (normal(rows), a, abs(b), 1),
        "gaussian_reparameterize": (a, b, c, 1),
        "beta": (a, b, 0.1 + 0.8 * abs(np.sin(c))),
        "continuous_bernoulli": (a, abs(np.sin(b))),
        "log_gamma_gap": (a, b, np.expm1(b - a)),
        "negative_binomial": (a, b, np.rint(3 * abs(c))),
        "logistic_interval": (a, b, c),
        "logistic_interval_backward": (normal(rows, columns), a, b, c),
        "fill_missing": (a, (b > 0).astype(dtype), 0.3),
        "gaussian_kl_to_standard": (a, b),
        "gaussian_log_prob": (a, b, c, np.full(len(a), a.shape[1])),
        "gaussian_log_prob_backward": (normal(rows), a, b, c),
        "sphere_moments": (normal(rows), 5),
        "sphere_quantile": (normal(rows), 0.1 + 0.8 * abs(np.sin(normal(2 * rows))), 5, 2),
        "sgd_update": (a, b, c, 0.1, 0.9),
        "rmsprop_update": (a, b, c**2, 0.1, 0.9, 1e-3),
        "adam_update": (a, b, c, c**2, 3, 0.1, 0.9, 0.99, 1e-3, 0.02),
        "patches": (normal(2, 6, 7, 3), (3, 2), 2, 1),
        "patches_backward": (normal(2, 3, 4, 3, 2, 3), 6, 7, 2, 1),
        "nearest_codes": (normal(6, 3, 2), normal(3, 5, 2)),
        "max_pool": (normal(2, 3, 8, 7), 3, 2),
        "max_pool_backward": (normal(2, 3, 3, 2), place, 8, 7, 3, 2),
        "random_bits": (
            rng.integers(0, 2**32, 5, dtype=np.uint32),
            rng.integers(0, 2**32, rows * columns, dtype=np.uint32),
        ),
        "standard_normal": (rng.integers(0, 2**64, rows * columns, dtype=np.uint64),),
    }
    return special.get(name, (a, b) if name.endswith("_backward") else (a,))


def parts(value):
    return value if isinstance(value, tuple) else (value,)


def given_up(name):
    """The places of the arguments that a kernel may overwrite: an optimizer's slots, and what rows are added
    to.
    """
    written = {"add_to_rows": {"y"}}.get(
        name, {"velocity", "square", "m", "v"} if name.endswith("_update") else set()
    )
    return {
        i
        for i, argument in enumerate(inspect.signature(both_twins(name)[0]).parameters)
        if argument in written
    }


def fresh(name, arguments):
    return [a.copy() if i in given_up(name) else a for i, a in enumerate(arguments)]


# --- one name, two twins
# ---------------------------------------------------------------------------------------------


def test_both_twins_have_the_same_files_names_and_signatures():
    public = set()
    for file in FILES:
        textbook, compiled = (
            import_module(f"scratchvae.kernels.{twin}.{file}") for twin in ("textbook", "compiled")
        )
        names = [
            n
            for n, f in vars(textbook).items()
            if inspect.isfunction(f) and f.__module__ == textbook.__name__ and n[0] != "_"
        ]
        for name in names:
            assert inspect.signature(getattr(textbook, name)) == inspect.signature(getattr(compiled, name)), (
                name
            )
        public.update(names)
    assert public == set(NAMES)
    assert kernels.__all__ == sorted(kernels.__all__)


def test_no_module_binds_a_kernel_which_using_would_not_exchange():
    package = Path(kernels.__file__).parents[1]
    files = [file for file in package.rglob("*.py") if "kernels" not in file.relative_to(package).parts]
    bound = [str(file) for file in files if "from scratchvae.kernels import" in file.read_text("utf-8")]
    assert len(files) > 100
    assert not bound


def test_blocks_of_two_threads_may_end_in_any_order():
    with kernels.using("compiled"):
        first, second = kernels.using("textbook"), kernels.using("textbook")
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert kernels.in_use() == "textbook"
        second.__exit__(None, None, None)
        assert kernels.in_use() == "compiled"


def test_use_and_using_choose_the_twin_and_restore_it():
    before = kernels.in_use()
    with kernels.using("textbook"):
        assert kernels.in_use() == "textbook"
        assert all(getattr(kernels, n) is both_twins(n)[0] for n in NAMES)
        with pytest.raises(KeyError), kernels.using("compiled"):  # noqa: PT012
            assert kernels.in_use() == "compiled"
            assert all(getattr(kernels, n) is both_twins(n)[1] for n in NAMES)
            raise KeyError
        assert kernels.in_use() == "textbook"
        assert kernels.relu is both_twins("relu")[0]
        with pytest.raises(InputError, match="twin should be one of compiled, textbook; found 'fast'"):
            kernels.use("fast")
        assert kernels.in_use() == "textbook"
    assert kernels.in_use() == before


# --- what every kernel keeps to
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_any_layout_gives_the_same_fresh_arrays_and_leaves_the_arguments_alone(name, dtype):
    def strided(a):
        wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
        wide[..., ::2] = a
        return wide[..., ::2]

    def read_only(a):
        a = a.copy()
        a.flags.writeable = False
        return a

    def unaligned(a):
        b = np.frombuffer(b"\0" + a.tobytes(), a.dtype, offset=1).reshape(a.shape)
        assert not b.flags.aligned
        return b

    for kernel in both_twins(name):
        arguments = example(name, dtype)
        before = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
        expected = parts(kernel(*fresh(name, arguments)))
        for a, b in zip(arguments, before, strict=True):
            np.testing.assert_array_equal(a, b)
        for layout in (np.asfortranarray, strided, read_only, unaligned):
            changed = [layout(a) if isinstance(a, np.ndarray) else a for a in arguments]
            kept = [a for i, a in enumerate(changed) if isinstance(a, np.ndarray) and i not in given_up(name)]
            for got, want in zip(parts(kernel(*fresh(name, changed))), expected, strict=True):
                np.testing.assert_array_equal(got, want, strict=True)
                assert got.flags.writeable
                assert not any(np.shares_memory(got, a) for a in kept)
        none, single = (
            {"nearest_codes": set(), "random_bits": set()},
            {"standard_normal": {np.dtype(np.float32)}},
        )
        real = (none | single).get(name, {np.dtype(dtype)})
        assert {y.dtype for y in expected if y.dtype.kind == "f"} == real


@pytest.mark.parametrize("name", [n for n in NAMES if kernels._FILES[n] in {"pointwise", "updates"}])
def test_pointwise_kernels_take_any_shape(name):
    flat = example(name, np.float64, 1, 60)
    textbook, compiled = both_twins(name)
    expected = parts(compiled(*fresh(name, flat)))
    for shape in [(60,), (3, 4, 5), (2, 1, 3, 2, 5)]:
        got = parts(
            compiled(*(a.reshape(shape) if isinstance(a, np.ndarray) else a for a in fresh(name, flat)))
        )
        for y, want in zip(got, expected, strict=True):
            np.testing.assert_array_equal(y, want.reshape(shape), strict=True)
    for shape in [(), (1,), (0,), (3, 0)]:
        few = [np.full(shape, a.flat[0]) if isinstance(a, np.ndarray) else a for a in flat]
        for y, want in zip(parts(compiled(*fresh(name, few))), parts(textbook(*few)), strict=True):
            assert np.shape(y) == shape
            np.testing.assert_allclose(y, want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("relu_backward", 0),
        ("elu_backward", 2),
        ("adam_update", 1),
        ("bernoulli_log_prob", 1),
        ("bernoulli_log_prob_backward", 0),
        ("bernoulli_log_prob_backward", 2),
        ("add_to_rows", 1),
        ("aggregate_sums", 0),
        ("aggregate_sums", 1),
        ("aggregate_sums", 2),
        ("aggregate_sums", 3),
        *(("aggregate_sums_backward", place) for place in range(7)),
        ("gaussian_reparameterize", 0),
        ("gaussian_reparameterize", 1),
        ("gaussian_kl_to_standard", 1),
        ("gaussian_log_prob", 1),
        ("gaussian_log_prob", 2),
        ("gaussian_log_prob", 3),
        ("gaussian_log_prob_backward", 0),
        ("gaussian_log_prob_backward", 3),
        ("max_pool_backward", 1),
        ("nearest_codes", 1),
    ],
)
def test_compiled_kernels_read_nothing_outside_their_arrays(name, cut):
    arguments = list(example(name, np.float64))
    arguments[cut] = arguments[cut][:-1]
    with pytest.raises(ValueError, match=f"{name}: "):
        both_twins(name)[1](*arguments)


# --- pointwise: both twins agree
# -------------------------------------------------------------------------------------


def cubic_slope(x):
    held = np.minimum(np.abs(x), 10)
    return 1 + held * (0.8 + 0.11 * held**2)


# kernel: units of the last place, and of what (of the result, or of the terms that cancel in it)
AGREEMENT = {
    "relu": (0, 0),
    "relu_backward": (0, 0),
    "leaky_relu": (0, 0),
    "leaky_relu_backward": (0, 0),
    "elu": (5, 0),
    "elu_backward": (1, 0),
    "gelu_erf": (4, lambda dy, x: np.abs(x)),
    "gelu_erf_backward": (4, lambda dy, x: np.abs(dy)),
    "gelu_tanh": (4, lambda dy, x: np.abs(x)),
    "gelu_tanh_backward": (6, lambda dy, x: np.abs(dy) * cubic_slope(x)),
    "sigmoid": (4, 0),
    "sigmoid_backward": (2, 0),
    "silu": (4, 0),
    "silu_backward": (
        8,
        lambda dy, x: np.abs(dy) * np.exp(np.minimum(x, 0)) * (1 + np.abs(x) * np.exp(-np.maximum(x, 0))),
    ),
    "softplus": (5, 0),
    "softplus_backward": (4, 0),
    "tanh": (4, 0),
    "tanh_backward": (4, lambda dy, x: np.abs(dy)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", AGREEMENT)
def test_pointwise_twins_agree(name, dtype):
    textbook, compiled = both_twins(name)
    x = extremes(dtype)
    dy = np.random.default_rng(5).normal(size=x.size).astype(dtype)
    if name in {"sigmoid_backward", "tanh_backward"}:
        x = np.tanh(x)  # what these are given is y
    example_arguments = example(name, dtype)
    constants = [a for a in example_arguments if not isinstance(a, np.ndarray)]
    arrays = [dy, x, x][: len(example_arguments) - len(constants)] if name.endswith("_backward") else [x]
    ulps, scale = AGREEMENT[name]
    with np.errstate(all="ignore"):
        want = textbook(*arrays, *constants)
        scale = scale(dy, x) if callable(scale) else scale
        apart = ulps_apart(compiled(*arrays, *constants), want, scale)
    worst = int(np.argmax(apart))
    assert apart[worst] <= ulps, f"{apart[worst]} ulp at x = {x[worst]!r}"
    # whose slope NaN does not enter
    assert np.isnan(want[-1]) or name in {"relu_backward", "leaky_relu_backward"}


def test_every_pointwise_kernel_is_compared():
    assert set(AGREEMENT) == {n for n in NAMES if kernels._FILES[n] == "pointwise"}


# --- pointwise: the textbook is right
# --------------------------------------------------------------------------------

TRUTH = {
    "elu": lambda x: x if x > 0 else mpmath.mpf(1.3) * mpmath.expm1(x),
    "gelu_erf": lambda x: x * mpmath.ncdf(x),
    "gelu_tanh": lambda x: (
        x * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))) / 2
    ),
    "leaky_relu": lambda x: x if x > 0 else mpmath.mpf(0.2) * x,
    "relu": lambda x: max(x, 0),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "tanh": mpmath.tanh,
}
POINTS = (-30.0, -4.7, -1.3, -0.6, -1e-3, 1e-9, 0.3, 0.9, 1.7, 2.9, 6.1, 25.0)


@pytest.mark.parametrize("twin", [0, 1])
@pytest.mark.parametrize("name", TRUTH)
def test_activations_and_their_derivatives_against_mpmath(name, twin):
    f, f_backward = both_twins(name)[twin], both_twins(f"{name}_backward")[twin]
    x = np.array(POINTS)
    constants = example(name, np.float64)[1:]
    y, dy = f(x, *constants), np.full_like(x, 1.25)
    given_ = {"elu": (x, y), "relu": (y,), "sigmoid": (y,), "tanh": (y,)}.get(name, (x,))
    dx = f_backward(dy, *given_, *constants)
    with mpmath.workdps(60):
        for i, point in enumerate(POINTS):
            true = TRUTH[name](mpmath.mpf(point))
            slope = (TRUTH[name](mpmath.mpf(point) + mpmath.mpf("1e-20")) - true) / mpmath.mpf("1e-20")
            tail = 2e-16 * abs(point) if "gelu" in name else 0.0  # of gelu's 1 + erf, 1 + tanh
            assert abs(y[i] - true) <= 1e-15 * abs(true) + tail, (point, y[i])
            assert abs(dx[i] - 1.25 * slope) <= 2e-15 + 1e-15 * abs(slope) + 20 * tail, (point, dx[i])
            if name in {"sigmoid", "softplus", "silu"}:  # keep their digits where they are small
                keeps = "sigmoid" if name == "softplus" else name
                assert (
                    abs(dx[i] - 1.25 * slope) <= 4e-15 * abs(slope)
                    or (keeps != "silu" and point > 0)
                    or abs(slope) > 0.1
                )


@pytest.mark.parametrize("twin", [0, 1])
def test_derivatives_at_kinks_and_far_out(twin):
    one, zero = np.ones(1), np.zeros(1)
    of = {name: both_twins(name)[twin] for name in NAMES}
    assert of["relu_backward"](one, zero) == 0
    assert of["leaky_relu_backward"](one, zero, 0.2) == 0.2
    assert of["elu_backward"](one, zero, zero, 1.7) == 1.7
    far = np.array([-1e4, -800.0, 800.0, 1e4])
    np.testing.assert_array_equal(of["sigmoid"](far), [0, 0, 1, 1])
    np.testing.assert_array_equal(of["softplus"](far), [0, 0, 800, 1e4])
    np.testing.assert_array_equal(of["silu"](far), [0, 0, 800, 1e4])
    np.testing.assert_array_equal(of["elu"](far, 1.7), [-1.7, -1.7, 800, 1e4])
    np.testing.assert_array_equal(of["silu_backward"](np.ones(4), far), [0, 0, 1, 1])


FAR_OUT = [-1e30, -1e19, -1e4, -100.0, -50.0, 0.0, 50.0, 100.0, 1e4, 1e19, 1e30]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("case", [*op_cases.ACTIVATIONS, *op_cases.SLOPES], ids=lambda case: case.name)
def test_activations_slopes_and_curvatures_are_straight_far_out_and_nothing_overflows(case, twin, dtype):
    """Each is a line or a constant there: f(x) ≈ f′(x) x + c. (A warning is an error of this suite.)"""
    x = np.array(FAR_OUT, dtype)
    with kernels.using(twin):
        y, pullback = case.op(x, **case.constants)
        slope = pullback(np.ones_like(y))
    assert np.isfinite(y).all()
    assert np.isfinite(slope).all()
    outer = np.abs(x) >= 50
    constant = (y - slope * x)[outer]
    np.testing.assert_allclose(constant / np.abs(x)[outer], 0, atol=0.05)
    if case.name.startswith("slope: "):
        np.testing.assert_allclose(slope[outer], 0, atol=1e-20)


# --- the exponential file
# --------------------------------------------------------------------------------------------


@numba.njit(**compiler.REORDERED)
def all_exponentials(x):
    y = np.empty((9, x.size), x.dtype)
    for i in range(x.size):
        y[0, i] = exponential.exp(x[i])
        y[1, i] = exponential.expm1(x[i])
        y[2, i] = exponential.log1p(abs(x[i]))
        y[3, i] = exponential.sigmoid(x[i])
        y[4, i] = exponential.softplus(x[i])
        y[5, i] = exponential.tanh(x[i])
        y[6, i] = exponential.erf(x[i])
        y[7, i] = exponential.log(abs(x[i]))
        y[8, i] = exponential.exp_to_one(-abs(x[i]))
    return y


EXPONENTIALS = {  # name: the truth, the units of the last place it may be off
    "exp": (mpmath.exp, 1.5),
    "expm1": (mpmath.expm1, 2.5),
    "log1p": (lambda x: mpmath.log1p(abs(x)), 2.5),
    "sigmoid": (TRUTH["sigmoid"], 3),
    "softplus": (TRUTH["softplus"], 3),
    "tanh": (mpmath.tanh, 3),
    "erf": (mpmath.erf, 3),
    "log": (lambda x: mpmath.log(abs(x)), 2.5),
    "exp_to_one": (lambda x: mpmath.exp(-abs(x)), 1.5),
}


@jit
@pytest.mark.parametrize("dtype", DTYPES)
def test_exponentials_against_mpmath(dtype):
    end = 104 if dtype == np.float32 else 745.2
    rng = np.random.default_rng(11)
    near_ends = [
        np.log(float(np.finfo(dtype).tiny)),
        np.log(float(np.finfo(dtype).max)),
        end - 0.3,
        end + 0.4,
    ]
    x = np.concatenate(
        [
            rng.uniform(-end, end, 150),
            rng.normal(size=250) * 2,
            np.exp(rng.uniform(-60, 4, 100)),
            near_ends,
            np.negative(near_ends),
        ]
    ).astype(dtype)
    got = all_exponentials(x)
    with mpmath.workdps(40):
        for row, (name, (truth, bound)) in zip(got, EXPONENTIALS.items(), strict=True):
            for point, y in zip(x, row, strict=True):
                true = truth(mpmath.mpf(float(point)))
                with np.errstate(over="ignore"):
                    nearest = dtype(mpmath.nstr(true, 30))
                if np.isinf(nearest):
                    assert y == nearest, (name, point)
                else:
                    off = abs(mpmath.mpf(float(y)) - true) / mpmath.mpf(float(np.spacing(abs(nearest))))
                    assert off <= bound, (name, point, y, float(off))


@jit
@pytest.mark.parametrize("dtype", DTYPES)
def test_exponentials_at_the_edges(dtype):
    inf, nan = np.inf, np.nan
    got = all_exponentials(np.array([0.0, -0.0, inf, -inf, nan, 1e4, -1e4], dtype))
    np.testing.assert_array_equal(got[0], np.array([1, 1, inf, 0, nan, inf, 0], dtype))
    np.testing.assert_array_equal(got[1], np.array([0, 0, inf, -1, nan, inf, -1], dtype))
    np.testing.assert_array_equal(got[2, [0, 1, 4]], np.array([0, 0, nan], dtype))
    np.testing.assert_array_equal(got[3], np.array([0.5, 0.5, 1, 0, nan, 1, 0], dtype))
    np.testing.assert_array_equal(got[4, 2:], np.array([inf, 0, nan, 1e4, 0], dtype))
    np.testing.assert_array_equal(got[5], np.array([0, 0, 1, -1, nan, 1, -1], dtype))
    np.testing.assert_array_equal(got[6], np.array([0, 0, 1, -1, nan, 1, -1], dtype))
    assert np.signbit(got[[1, 5, 6], 1]).all()  # the odd ones keep −0
    assert not np.signbit(got[[1, 5, 6], 0]).any()
    smallest = np.array([np.finfo(dtype).smallest_subnormal], dtype)
    np.testing.assert_array_equal(all_exponentials(smallest)[[1, 2, 5, 6], 0], smallest.repeat(4))


# --- missing entries
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [np.bool_, np.float32, np.int64])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0, 3), (2, 5), (64, 200)])
def test_what_is_missing_is_replaced_and_what_was_observed_stays(shape, dtype, mask):
    rng = np.random.default_rng(11)
    x, observed = rng.normal(size=shape).astype(dtype), rng.random(shape) < 0.5
    dirty = np.where(observed, x, rng.choice([np.nan, np.inf, -np.inf], shape)).astype(dtype)
    for kernel in both_twins("fill_missing"):
        y = kernel(dirty, observed.astype(mask), -1e4)
        np.testing.assert_array_equal(y, np.where(observed, x, dtype(-1e4)), strict=True)


# --- densities
# -------------------------------------------------------------------------------------------------------

ROWS = {  # logits, x
    "ordinary": (np.random.default_rng(2).normal(size=784) * 3, np.random.default_rng(3).random(784)),
    "all equal": (np.full(784, 0.1), np.ones(784)),
    "all sure and right": (np.full(784, 14.0), np.ones(784)),
    "surer": (np.full(784, -60.0), np.zeros(784)),
    "one far outlier": (np.where(np.arange(784) == 400, 1e4, -9.0), np.zeros(784)),
    "long": (np.random.default_rng(4).normal(size=5003), np.random.default_rng(5).random(5003)),
    "three": (np.array([0.5, -2.0, 30.0]), np.array([1.0, 0.0, 1.0])),
    "three sure": (np.array([14.0, -12.0, 13.0]), np.array([1.0, 0.0, 1.0])),
    "none": (np.zeros(0), np.zeros(0)),
}


@jit
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", ROWS)
def test_bernoulli_log_prob_keeps_its_digits(row, dtype):
    l, x = (np.stack([a, a[::-1]]).astype(dtype) for a in ROWS[row])
    long_l, long_x = l.astype(np.longdouble), x.astype(np.longdouble)
    true = (long_x * long_l - np.maximum(long_l, 0) - np.log1p(np.exp(-abs(long_l)))).sum(axis=1)
    for kernel in both_twins("bernoulli_log_prob"):
        log_px = kernel(l, x, 1)
        assert log_px.shape == (2,)
        np.testing.assert_allclose(log_px, true, rtol=4e-6 if dtype == np.float32 else 5e-15)


@jit
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", ROWS)
def test_gaussian_log_prob_keeps_its_digits(row, dtype):
    mean, x = (np.stack([a, a[::-1]]).astype(dtype) for a in ROWS[row])
    log_var = (0.3 * mean).clip(-5, 5)
    u = (x.astype(np.longdouble) - mean) * np.exp(-log_var.astype(np.longdouble) / 2)
    terms = -0.5 * (np.log(2 * np.longdouble(np.pi)) + log_var + u * u)
    for kernel in both_twins("gaussian_log_prob"):
        off = np.abs(kernel(x, mean, log_var, np.full(len(x), x.shape[1])) - terms.sum(axis=1))
        assert (off <= (4e-6 if dtype == np.float32 else 5e-15) * np.abs(terms).sum(axis=1)).all()


@pytest.mark.parametrize("twin", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gaussian_entries_that_do_not_count_add_exactly_nothing(dtype, twin):
    kernel, zeros = both_twins("gaussian_log_prob")[twin], np.zeros((2, 7), dtype)
    constant = np.log(2 * np.pi)
    np.testing.assert_allclose(
        kernel(zeros, zeros, zeros, np.array([0, 3])), [0, -1.5 * constant], rtol=4 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_density_twins_agree_at_extremes(dtype):
    logits = extremes(dtype)[:, None]
    every_seed = np.random.default_rng(8).normal(size=logits.size).astype(dtype)
    eps = float(np.finfo(dtype).eps)
    for target in (0.0, 0.3, 1.0):
        l, seed = logits, every_seed
        x = np.full_like(logits, target)
        calls = {
            "bernoulli_log_prob": (l, x, 1),
            "bernoulli_log_prob_backward": (seed, l, x, 1),
            "gaussian_log_prob": (x, l, x, np.full(len(x), x.shape[1])),
            "gaussian_log_prob_backward": (seed, x, l, x),
        }
        for name, arguments in calls.items():
            with np.errstate(all="ignore"):
                want, got = (parts(kernel(*arguments)) for kernel in both_twins(name))
            for a, b in zip(got, want, strict=True):
                np.testing.assert_allclose(a, b, rtol=8 * eps, atol=4 * eps, strict=True)
        l = l[l != -np.inf][:, None]  # as log-variance: −∞ + ∞, whose sum depends on the order
        seed = seed[: l.size]
        x = x[: l.size]
        for log_var in (l, np.full_like(l, -1e4), np.full_like(l, 1e4)):
            for name, arguments in {
                "gaussian_log_prob": (x, np.full_like(l, 0.3), log_var, np.full(len(x), x.shape[1])),
                "gaussian_log_prob_backward": (seed, x, np.full_like(l, 0.3), log_var),
            }.items():
                with np.errstate(all="ignore"):
                    want, got = (parts(kernel(*arguments)) for kernel in both_twins(name))
                for a, b in zip(got, want, strict=True):
                    np.testing.assert_allclose(a, b, rtol=60 * eps, atol=4 * eps, strict=True)


@pytest.mark.parametrize("twin", [0, 1])
def test_density_gradients_by_their_formula(twin):
    rng = np.random.default_rng(9)
    d, l, x, log_var = rng.normal(size=3), *(rng.normal(size=(3, 9)) for _ in range(3))
    sigma = np.exp(log_var / 2)
    got = both_twins("bernoulli_log_prob_backward")[twin](d, l, x, 1)
    np.testing.assert_allclose(got, d[:, None] * (x - 1 / (1 + np.exp(-l))), rtol=1e-13)
    dmean, dlog_var = both_twins("gaussian_log_prob_backward")[twin](d, x, l, log_var)
    np.testing.assert_allclose(dmean, d[:, None] * (x - l) / sigma**2, rtol=1e-13)
    np.testing.assert_allclose(dlog_var, d[:, None] * 0.5 * (((x - l) / sigma) ** 2 - 1), rtol=1e-12)


# --- draws and rows
# --------------------------------------------------------------------------------------------------


PHILOX = [  # counter, key, words: published with the generator (Random123, kat_vectors, philox4x32 10)
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize(("counter", "key", "words"), PHILOX)
def test_random_bits_are_those_of_philox(counter, key, words):
    first, *rest = (int(word, 16) for word in f"{counter} {key}".split())
    for random_bits in both_twins("random_bits"):
        bits = random_bits(np.array(rest, np.uint32), np.array([0, first], np.uint32))
        assert (bits.shape, bits.dtype) == ((2, 2), np.uint64)
        assert "".join(f"{int(half):016x}" for half in bits[:, 1]) == words.replace(" ", "")


@jit
def test_normal_draws_follow_from_their_bits():
    """By mpmath: the upper half of a word is the radius, the angle is 26 bits of the lower; the twins to 4
    ulp of the radius.
    """
    edges = [0, 2**64 - 1, 2**32 - 1, 2**32, 2**63, 2**6, 2**30, 2**31, 3 << 30]
    bits = np.array([*edges, *np.random.default_rng(0).integers(0, 2**64, 200, dtype=np.uint64)], np.uint64)
    textbook, compiled = (kernel(bits) for kernel in both_twins("standard_normal"))
    assert np.abs(textbook).max() < 6.8
    for i, word in enumerate(map(int, bits)):
        u = (np.float32(word >> 32) + np.float32(0.5)) * np.float32(2.0**-32)
        radius = mpmath.sqrt(-2 * mpmath.log(float(u)))
        turn = mpmath.mpf((word >> 6) % 2**26) / 2**26 - mpmath.mpf(1) / 8
        true = [float(radius * f(2 * mpmath.pi * turn)) for f in (mpmath.cos, mpmath.sin)]
        unit = float(np.spacing(np.float32(radius)))
        np.testing.assert_allclose(textbook[:, i], true, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(compiled[:, i], true, rtol=3e-7, atol=4 * unit * 2**-20)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (7, 1), (100, 3), (33, 64), (5, 65), (9, 200)])
def test_rows_of_every_width(shape):
    rng = np.random.default_rng(0)
    y, b = rng.normal(size=shape), rng.normal(size=shape[1])
    for add in both_twins("add_to_rows"):
        np.testing.assert_array_equal(add(y.copy(), b), y + b, strict=True)


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gaussian_twins_agree(dtype, draws):
    rng, eps = np.random.default_rng(0), np.finfo(dtype).eps
    mean, log_var = (rng.normal(size=(4, 5)).astype(dtype) * scale for scale in (1, 20))
    log_var[0, :3] = 1e4, -1e4, np.nan
    noise = rng.normal(size=(4 * draws, 5)).astype(dtype)
    noise[0, 0] = 0  # 0 · σ is 0, however large σ
    calls = {
        "gaussian_reparameterize": (mean, log_var, noise, draws),
        "gaussian_kl_to_standard": (mean, log_var),
    }
    for name, arguments in calls.items():
        with np.errstate(all="ignore"):
            want, got = (kernel(*arguments) for kernel in both_twins(name))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=8 * eps, atol=4 * eps, strict=True)
    assert both_twins("gaussian_reparameterize")[1](mean, log_var, noise, draws)[1][0, 0] == 0
    x = rng.normal(size=(3, 3000)).astype(dtype)
    want, got = (kernel(x) for kernel in both_twins("standard_gaussian_log_prob"))
    np.testing.assert_allclose(got, want, rtol=20 * eps, strict=True)


# --- windows
# ---------------------------------------------------------------------------------------------------------


@st.composite
def windows(draw):
    I, J, stride, padding = (draw(st.integers(a, b)) for a, b in ((1, 4), (1, 4), (1, 4), (0, 3)))
    H = draw(st.integers(max(1, I - 2 * padding), 8))
    W = draw(st.integers(max(1, J - 2 * padding), 8))
    return (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 2)),
        H,
        W,
        I,
        J,
        stride,
        padding,
        draw(st.integers(0, 2**31)),
    )


def direct_patches(x, I, J, stride, padding):
    B, H, W, C = x.shape
    P, Q = (H + 2 * padding - I) // stride + 1, (W + 2 * padding - J) // stride + 1
    cols = np.zeros((B, P, Q, I, J, C), x.dtype)
    for b, p, q, i, j in np.ndindex(*cols.shape[:5]):
        h, w = p * stride + i - padding, q * stride + j - padding
        if 0 <= h < H and 0 <= w < W:
            cols[b, p, q, i, j] = x[b, h, w]
    return cols


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(windows())
def test_patches_by_a_direct_loop_and_their_adjoint(shape):
    B, C, H, W, I, J, stride, padding, seed = shape
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(B, H, W, C))
    cols = direct_patches(x, I, J, stride, padding)
    c = rng.normal(size=cols.shape)
    for patches, backward in zip(both_twins("patches"), both_twins("patches_backward"), strict=True):
        np.testing.assert_array_equal(patches(x, (I, J), stride, padding), cols, strict=True)
        dx = backward(c, H, W, stride, padding)
        assert dx.shape == x.shape
        np.testing.assert_allclose((cols * c).sum(), (x * dx).sum(), rtol=1e-12, atol=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(windows())
def test_max_pool_by_a_direct_loop_and_its_adjoint(shape):
    B, C, H, W, size, _, stride, _, seed = shape
    H, W = max(H, size), max(W, size)
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 5, size=(B, C, H, W)).astype(float)  # with ties
    x[rng.random(x.shape) < 0.05] = np.nan
    cols = direct_patches(x.transpose(0, 2, 3, 1), size, size, stride, 0)
    flat = cols.reshape(*cols.shape[:3], size * size, C)
    last_place, last_y = flat.argmax(axis=3), flat.max(axis=3)  # the first of equals; NaN above all
    place, y = last_place.transpose(0, 3, 1, 2), last_y.transpose(0, 3, 1, 2)
    dy = rng.normal(size=y.shape)
    mine = np.arange(size * size)[:, None] == last_place[:, :, :, None]
    dcols = np.where(mine, dy.transpose(0, 2, 3, 1)[:, :, :, None], 0)
    for pool, backward, scatter in zip(
        both_twins("max_pool"), both_twins("max_pool_backward"), both_twins("patches_backward"), strict=True
    ):
        got, where = pool(x, size, stride)
        np.testing.assert_array_equal(got, y, strict=True)
        np.testing.assert_array_equal(where, place, strict=True)
        want = scatter(dcols.reshape(cols.shape), H, W, stride, 0).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(backward(dy, where, H, W, size, stride), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("height", "width"), [(5, 6), (9, 8), (12, 15)])
def test_what_windows_put_outside_the_image_is_dropped(height, width):
    """Windows that reach rows and columns 0…8 of the padded image, whatever its size."""
    c = np.random.default_rng(10).normal(size=(2, 4, 4, 3, 3, 2))
    want = np.zeros((2, height, width, 2))
    for b, p, q, i, j in np.ndindex(*c.shape[:5]):
        h, w = 2 * p + i - 1, 2 * q + j - 1
        if 0 <= h < height and 0 <= w < width:
            want[b, h, w] += c[b, p, q, i, j]
    for backward in both_twins("patches_backward"):
        np.testing.assert_allclose(
            backward(c, height, width, 2, 1), want, rtol=1e-12, atol=1e-12, strict=True
        )


def test_windows_at_ordinary_sizes():
    x = np.random.default_rng(6).normal(size=(3, 28, 28, 2)).astype(np.float32)
    for stride, kernel in ((1, (3, 3)), (2, (4, 4)), (2, (5, 3))):
        textbook, compiled = (patches(x, kernel, stride, 1) for patches in both_twins("patches"))
        np.testing.assert_array_equal(textbook, compiled, strict=True)
        textbook, compiled = (
            backward(textbook, 28, 28, stride, 1) for backward in both_twins("patches_backward")
        )
        np.testing.assert_allclose(textbook, compiled, rtol=2e-6, atol=2e-6)


# --- the aggregate posterior
# -----------------------------------------------------------------------------------------


def aggregate_by_formula(dlog_q, z, mean, log_var, log_shares):
    """log q and its gradients, by sums over m and r in long doubles, each density written out."""
    R, Z = z.shape
    z, mean, log_var, log_shares = (a.astype(np.longdouble) for a in (z, mean, log_var, log_shares))
    density = np.exp(-0.5 * ((z[:, None] - mean) ** 2 / np.exp(log_var) + log_var)) / np.sqrt(2 * np.pi)
    terms = np.concatenate([density, density.prod(axis=2, keepdims=True)], axis=2)
    terms *= np.exp(log_shares)[:, :, None]
    q = terms.sum(axis=1)
    dz, dmean, dlog_var = np.zeros_like(z), np.zeros_like(mean), np.zeros_like(mean)
    for r, m, j in np.ndindex(R, len(mean), Z):
        d = dlog_q[r, j] * terms[r, m, j] / q[r, j] + dlog_q[r, Z] * terms[r, m, Z] / q[r, Z]
        slope = (z[r, j] - mean[m, j]) / np.exp(log_var[m, j])
        dz[r, j] -= d * slope
        dmean[m, j] += d * slope
        dlog_var[m, j] += d * (slope * (z[r, j] - mean[m, j]) - 1) / 2
    return np.log(q), (dz, dmean, dlog_var)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 5, 300])  # the compiled twin takes 256 together
def test_aggregate_sums_and_their_gradients_by_the_formula(rows, dtype):
    rng = np.random.default_rng(21)
    shapes = {"dlog_q": (rows, 3), "z": (rows, 2), "mean": (4, 2), "log_var": (4, 2), "log_shares": (rows, 4)}
    dlog_q, z, mean, log_var, log_shares = (rng.normal(size=shape).astype(dtype) for shape in shapes.values())
    log_q, gradients = aggregate_by_formula(dlog_q, z, mean, log_var, log_shares)
    tolerance = 30 * np.finfo(dtype).eps
    for sums, backward in zip(
        both_twins("aggregate_sums"), both_twins("aggregate_sums_backward"), strict=True
    ):
        largest, total = sums(z, mean, log_var, log_shares)
        np.testing.assert_allclose(largest + np.log(total), log_q, rtol=tolerance, atol=tolerance)
        found = backward(dlog_q, z, mean, log_var, log_shares, largest, total)
        for got, want in zip(found, gradients, strict=True):
            assert got.dtype == dtype
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * rows)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("twin", [0, 1])
def test_aggregate_sums_at_the_ends_of_the_range(twin, dtype):
    """Draw 1 is infinitely far from example 1 in its units of σ, draw 2 has no shares, and draw 3 is NaN."""
    sums, backward = both_twins("aggregate_sums")[twin], both_twins("aggregate_sums_backward")[twin]
    narrow = -200 if dtype == np.float32 else -1500  # 1/σ overflows
    z = np.array([[0.5], [40.0], [1.0], [np.nan]], dtype)
    mean, log_var = np.array([[0.0], [0.3]], dtype), np.array([[0.1], [narrow]], dtype)
    log_shares = np.zeros((4, 2), dtype)
    log_shares[2] = -np.inf
    largest, total = sums(z, mean, log_var, log_shares)
    assert largest[2].tolist() == [0, 0]
    assert total[2].tolist() == [0, 0]
    alone, alone_total = sums(z, mean[:1], log_var[:1], log_shares[:, :1])  # as if there were no example 1
    np.testing.assert_array_equal(largest[:3], alone[:3])
    np.testing.assert_array_equal(total[:3], alone_total[:3])
    assert np.isnan(total[3]).all()
    dz, dmean, dlog_var = backward(
        np.ones((3, 2), dtype), z[:3], mean, log_var, log_shares[:3], largest[:3], total[:3]
    )
    want = [-2 * (x - mean[0]) / np.exp(log_var[0]) for x in (z[0], z[1], mean[0])]
    np.testing.assert_allclose(dz, want, rtol=1e-6)
    assert dmean[1].tolist() == dlog_var[1].tolist() == [0]
    dz, *others = backward(np.ones((4, 2), dtype), z, mean, log_var, log_shares, largest, total)
    assert np.isnan(dz[3]).all()
    assert all(np.isnan(gradient).all() for gradient in others)


# --- updates
# ---------------------------------------------------------------------------------------------------------


def scalar_steps(name, theta, grads):
    """The update rules on Python numbers."""
    a = b = 0.0
    for t, g in enumerate(grads, start=1):
        if name == "sgd_update":
            a = 0.9 * a + g
            theta = theta - 0.1 * a
        elif name == "rmsprop_update":
            a = 0.8 * a + 0.2 * g**2
            theta = theta - 0.1 * g / (a**0.5 + 1e-3)
        else:
            a, b = 0.9 * a + 0.1 * g, 0.99 * b + 0.01 * g**2
            theta = (
                theta - 0.1 * (a / (1 - 0.9**t)) / ((b / (1 - 0.99**t)) ** 0.5 + 1e-3) - 0.1 * 0.02 * theta
            )
    return theta, a, b


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("twin", [0, 1])
@pytest.mark.parametrize("name", ["sgd_update", "rmsprop_update", "adam_update"])
def test_updates_by_the_scalar_formula(name, twin, dtype):
    update = both_twins(name)[twin]
    rng = np.random.default_rng(12)
    start, grads = rng.normal(size=(3, 5)).astype(dtype), rng.normal(size=(4, 3, 5)).astype(dtype)
    value, state = start, [np.zeros_like(start) for _ in range(2 if name == "adam_update" else 1)]
    for t, grad in enumerate(grads, start=1):
        constants = {"sgd_update": (0.1, 0.9), "rmsprop_update": (0.1, 0.8, 1e-3)}.get(
            name, (t, 0.1, 0.9, 0.99, 1e-3, 0.02)
        )
        for a in (value, grad, *state):
            a.flags.writeable = False
        value, *state = update(value, grad, *state, *constants)
    rtol = 2e-5 if dtype == np.float32 else 1e-12
    for index in np.ndindex(*start.shape):
        want = scalar_steps(name, float(start[index]), [float(g[index]) for g in grads])
        got = [value[index], *(s[index] for s in state)]
        np.testing.assert_allclose(got, want[: len(got)], rtol=rtol, atol=rtol)


# --- where Numba can't
# -----------------------------------------------------------------------------------------------


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@jit
def test_a_dtype_numba_does_not_know_falls_back_with_one_warning(monkeypatch):
    monkeypatch.setattr(compiler, "_warned", False)

    @compiler.pointwise
    def relu(x):
        return np.maximum(x, 0)

    relu.__wrapped__.__module__ = "scratchvae.kernels.compiled.pointwise"
    wide = np.array([[-1.0, 2.0]], np.longdouble)
    with pytest.warns(RuntimeWarning, match=r"Numba can't compile relu \(") as caught:
        np.testing.assert_array_equal(relu(wide), [[0, 2]])
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(relu(wide.astype(np.float16)), [[0, 2]])
        assert kernels.relu(np.ones((2, 2), np.longdouble)).dtype == np.longdouble


def test_without_a_place_for_the_cache_kernels_are_compiled_all_the_same(monkeypatch):
    def nowhere(loop, options):
        raise RuntimeError("no locator available")

    monkeypatch.setattr(compiler, "Cache", nowhere)

    @compiler.compiled
    def double(x):
        return x * 2

    assert double(np.ones(3)).tolist() == [2, 2, 2]


def test_the_cache_knows_all_sources():
    stamp = cache.Cache(both_twins("relu")[1].__wrapped__, {})._cache_file._source_stamp
    assert stamp[1] == cache.sources()


@jit
@pytest.mark.parametrize("rate", [0.1, np.float32(0.1), np.longdouble(0.1), np.float64(0.1), 1])
def test_numbers_of_any_kind_are_taken_for_what_the_loop_says(rate):
    value, grad, velocity = np.ones(3), np.ones(3), np.zeros(3)
    for r in (0.1, rate, 0.1):
        moved, _ = both_twins("sgd_update")[1](value, grad, velocity.copy(), r, 0.9)
        np.testing.assert_allclose(moved, 1 - float(r), rtol=1e-15)
    with pytest.raises(TypeError):
        both_twins("bernoulli_log_prob")[1](value[:, None], grad[:, None], 1.7)


@jit
def test_whole_numbers_are_left_to_the_textbook(monkeypatch):
    monkeypatch.setattr(compiler, "_warned", True)
    np.testing.assert_array_equal(both_twins("tanh")[1](np.array([-1, 2, 3])), np.tanh([-1, 2, 3]))


@jit
def test_the_cache_tells_ways_of_compiling_apart_and_knows_them_again():
    """In other processes too, where sets are in another order."""
    script = """
from scratchvae.kernels.compiled import cache, compiler, pointwise
loop = pointwise.relu.__wrapped__
for options in (compiler.REORDERED, compiler.AS_WRITTEN, compiler.REORDERED | {"parallel": True}):
    print(cache.Cache(loop, options).options)
"""
    seen = {run(script, PYTHONHASHSEED=str(seed)).stdout for seed in range(4)}
    assert len(seen) == 1
    assert len(set(seen.pop().splitlines())) == 3


def test_without_numba_the_textbook_stands_in_with_one_warning(tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 1.0 or less')")
    script = (
        "from scratchvae import kernels; import numpy as np; kernels.use('compiled')\n"
        "print(kernels.in_use(), kernels.softplus(np.zeros(1)))"
    )
    done = run(script, PYTHONPATH=str(tmp_path), SCRATCHVAE_KERNELS="")
    assert done.stdout == "textbook [0.69314718]\n"
    assert done.stderr.count("Numba can't be used (ImportError: Numba needs NumPy 1.0 or less)") == 1


def test_the_environment_chooses_the_twin_at_the_start():
    done = run(
        "import sys; from scratchvae import kernels; print(kernels.in_use(), 'numba' in sys.modules)",
        SCRATCHVAE_KERNELS="textbook",
    )
    assert done.stdout == "textbook False\n", done.stderr
    done = run("import scratchvae.kernels", SCRATCHVAE_KERNELS="fast")
    assert done.stderr.endswith(
        "the environment variable SCRATCHVAE_KERNELS should be one of compiled, textbook; found 'fast'\n"
    )


def test_python_alone_runs_the_loops_too():
    script = """
import warnings; warnings.simplefilter("error")
import numpy as np, tests.test_kernels as t
assert t.kernels.in_use() == "compiled"
for dtype in t.DTYPES:
    for name in t.NAMES:
        textbook, compiled = (kernel(*t.example(name, dtype)) for kernel in t.both_twins(name))
        for a, b in zip(t.parts(compiled), t.parts(textbook), strict=True):
            tolerance = 32 * np.finfo(np.asarray(b).dtype if np.asarray(b).dtype.kind == "f" else dtype).eps
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, strict=True)
    with np.errstate(all="ignore"):
        t.test_exponentials_at_the_edges(dtype)
"""
    done = run(
        script,
        NUMBA_DISABLE_JIT="1",
        SCRATCHVAE_KERNELS="compiled",
        PYTHONPATH=str(Path(__file__).parents[1]),
    )
    assert done.returncode == 0, done.stderr


def test_ctrl_c_inside_a_kernel_is_an_interrupt(monkeypatch):
    """Python says SystemError where a signal comes while Numba is looking for the machine function."""

    def interrupted(self, arguments):
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    if compiler.numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled")
    monkeypatch.setattr(compiler._Machine, "_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compiler.compiled(lambda x: x)(np.ones(3))
