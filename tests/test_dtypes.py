"""Every row of the case table under arrays that are no plain floats: the right numbers, or InputError in one
sentence.
"""

from inspect import isfunction

import numpy as np
import pytest

from scratchvae import kernels, ops
from scratchvae.arrays import InputError
from scratchvae.distributions import bernoulli, categorical, gaussian, laplace, mixture, multinomial, poisson
from scratchvae.reference import all_cases, all_parts

CASES = all_cases()
OF_FUNCTIONS = [case for part in all_parts() if isfunction(part.of) for case in part.cases]


class Tagged(np.ndarray):
    """A subclass that changes nothing, as memory maps are."""


def strided(a):
    """The same numbers, every second of a larger array's, its axes in reverse order."""
    larger = np.full([2 * n for n in a.shape[::-1]], np.nan, a.dtype)
    view = larger[tuple(slice(None, None, 2) for _ in a.shape)].T
    view[...] = a
    return view


def read_only(a):
    b = a.copy()
    b.flags.writeable = False
    return b


REFUSED = {
    "integers": lambda a: np.rint(2 * a).astype(np.int64),
    "bytes": lambda a: np.abs(a).astype(np.uint8),
    "bools": lambda a: a > 0,
    "halves": lambda a: a.astype(np.float16),
    "extended": lambda a: a.astype(np.longdouble),
    "complex": lambda a: a.astype(complex),
    "objects": lambda a: a.astype(object),
    "masked": lambda a: np.ma.masked_array(a, np.zeros(a.shape, bool)),
}
if np.longdouble is np.float64 or np.dtype(np.longdouble) == np.float64:  # as with Microsoft's compiler
    del REFUSED["extended"]
TAKEN = {
    "strided": strided,
    "read-only": read_only,
    "swapped": lambda a: a.astype(a.dtype.newbyteorder("S")),
    "subclass": lambda a: a.view(Tagged),
}


def run(op, arrays, constants):
    """The parts of the value, and the gradients for a seed of ones and twos."""
    value, pullback = op(*arrays, **constants)
    parts = tuple_of(value)
    return parts, tuple_of(pullback(*(1.0 + np.arange(part.size).reshape(part.shape) % 2 for part in parts)))


def tuple_of(a):
    return a if isinstance(a, tuple) else (a,)


def with_one_changed(case, change):
    """The case's arrays again and again, each time another of them changed."""
    for name in case.arrays:
        yield name, [change(a) if n == name else a.copy() for n, a in case.arrays.items()]


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_float_is_refused_in_one_sentence(kind, twin):
    wrong = []
    with kernels.using(twin):
        for case in CASES:
            for name, arrays in with_one_changed(case, REFUSED[kind]):
                try:
                    run(case.op, arrays, case.constants)
                except InputError as error:
                    if "\n" in str(error):
                        wrong.append(f"{case.name}({name}): more than a line")
                except Exception as error:
                    wrong.append(f"{case.name}({name}): {type(error).__name__}: {error}")
                else:
                    wrong.append(f"{case.name}({name}) was taken")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("twin", [pytest.param("textbook", marks=pytest.mark.slow), "compiled"])
@pytest.mark.parametrize("kind", TAKEN)
def test_every_layout_of_floats_gives_the_same_numbers(kind, twin):
    """To rounding, since products of another layout may be summed in another order."""
    wrong = []
    with kernels.using(twin):
        for case in CASES:
            parts, gradients = run(case.op, case.arrays.values(), case.constants)
            for name, arrays in with_one_changed(case, TAKEN[kind]):
                for right, found in zip(
                    (*parts, *gradients), sum(run(case.op, arrays, case.constants), ()), strict=True
                ):
                    if found.dtype != np.float64 or not np.allclose(found, right, rtol=1e-12, atol=1e-12):
                        wrong.append(f"{case.name}({name})")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("twin", kernels.TWINS)
def test_of_two_dtypes_the_wider_is_computed_in_and_gradients_go_back_in_each(twin):
    wrong = []
    with kernels.using(twin):
        for case in (case for case in CASES if case.terms is None):
            single = {name: a.astype(np.float32) for name, a in case.arrays.items()}
            for name in case.arrays if len(case.arrays) > 1 else ():
                mixed = [a if n == name else a.astype(np.float64) for n, a in single.items()]
                right = run(case.op, [a.astype(np.float64) for a in single.values()], case.constants)
                parts, gradients = run(case.op, mixed, case.constants)
                told = [
                    g.dtype == a.dtype and g.shape == a.shape for g, a in zip(gradients, mixed, strict=True)
                ]
                both = zip((*parts, *gradients), sum(right, ()), strict=True)
                close = [np.allclose(found, true, rtol=1e-5, atol=1e-5) for found, true in both]
                if not all((*told, *close)):
                    wrong.append(f"{case.name}({name})")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("twin", kernels.TWINS)
def test_a_nan_is_never_lost(twin):
    """A NaN anywhere is refused or seen in a value or gradient, unless nothing was read where it stood."""
    wrong = []
    with kernels.using(twin), np.errstate(all="ignore"):
        for case in CASES:
            right = sum(run(case.op, case.arrays.values(), case.constants), ())
            for name, array in case.arrays.items():
                places = list(np.ndindex(array.shape))
                for place in places if case.terms is None else places[:1]:

                    def spoiled(a, place=place):
                        b = a.copy()
                        b[place] = np.nan
                        return b

                    arrays = [spoiled(a) if n == name else a.copy() for n, a in case.arrays.items()]
                    try:
                        found = sum(run(case.op, arrays, case.constants), ())
                    except InputError:
                        continue
                    if any(np.isnan(part).any() for part in found):
                        continue
                    if not all(
                        np.allclose(f, r, rtol=1e-12, atol=1e-12) for f, r in zip(found, right, strict=True)
                    ):
                        wrong.append(f"{case.name}({name}) at {place}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("twin", kernels.TWINS)
def test_axes_without_entries(twin):
    """No examples, no channels, no dimensions: gradients of the arguments' shapes and finite values, or one
    sentence.
    """
    wrong = []
    with kernels.using(twin):
        for case in (case for case in CASES if case.terms is None):
            for size in {n for a in case.arrays.values() for n in a.shape}:

                def cut(a, size=size):
                    return (
                        a[tuple(slice(0 if n == size else n) for n in a.shape)]
                        if isinstance(a, np.ndarray)
                        else a
                    )

                arrays = [cut(a) for a in case.arrays.values()]
                try:
                    parts, gradients = run(
                        case.op, arrays, {name: cut(c) for name, c in case.constants.items()}
                    )
                except InputError:
                    continue
                except Exception as error:
                    wrong.append(f"{case.name}, {size} made 0: {type(error).__name__}: {error}")
                    continue
                shapes = [g.shape for g in gradients] == [a.shape for a in arrays]
                if not shapes or any(np.isnan(part).any() for part in (*parts, *gradients)):
                    wrong.append(f"{case.name}, {size} made 0")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("twin", kernels.TWINS)
def test_gradients_come_in_by_the_same_door(twin):
    """Whole numbers and other shapes are refused, numbers stand for arrays, float64 goes to float32 arguments
    as float32.
    """
    wrong = []
    with kernels.using(twin):
        for case in (case for case in CASES if case.terms is None):
            arrays = [a.astype(np.float32) for a in case.arrays.values()]
            value, pullback = case.op(*arrays, **case.constants)
            parts = tuple_of(value)
            right, by_number, doubles = (
                pullback(*(make(part) for part in parts))
                for make in (np.ones_like, lambda part: 1, lambda part: np.ones(part.shape))
            )
            for found in (by_number, doubles):
                for f, r in zip(tuple_of(found), tuple_of(right), strict=True):
                    if f.dtype != np.float32 or not np.array_equal(f, r, equal_nan=True):
                        wrong.append(case.name)
            for refused in (
                lambda part: np.ones(part.shape, int),
                lambda part: np.ones((*part.shape, 1), np.float32),
            ):
                with pytest.raises(InputError, match="the gradient"):
                    pullback(*(refused(part) for part in parts))
    assert not wrong, "\n".join(wrong)


LOGITS = np.array([[0.5, -1.0, 2.0], [0.1, 0.2, -3.0]])
BITS = np.array([[1, 0, 1], [0, 0, 1]])
COUNTS = np.array([[3, 0, 200], [255, 1, 0]])
WHOLE = {
    "bernoulli.log_prob": (lambda x: bernoulli.log_prob(LOGITS, x=x), BITS),
    "poisson.log_prob": (lambda x: poisson.log_prob(LOGITS, x=x), COUNTS),
    "multinomial.log_prob": (lambda x: multinomial.log_prob(LOGITS, x=x), COUNTS),
    "dropout": (lambda x: ops.dropout(LOGITS, mask=x, rate=0.3), BITS),
    "gaussian.reparameterize": (lambda x: gaussian.reparameterize(LOGITS, LOGITS, noise=x), BITS),
    "laplace.reparameterize": (lambda x: laplace.reparameterize(LOGITS, LOGITS, noise=x), BITS),
    "batch_norm_frozen": (
        lambda x: ops.batch_norm_frozen(LOGITS, LOGITS[0], LOGITS[0], mean=x[0], var=x[0] + x[1]),
        BITS,
    ),
}


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("name", WHOLE)
def test_data_of_whole_numbers_are_right(name, twin):
    """Data, noise and masks are constants; counts of 200 and 255 in one byte must not overflow it."""
    call, x = WHOLE[name]
    with kernels.using(twin):
        right, right_pullback = call(x.astype(np.float64))
        for dtype in (np.uint8, np.int64, ">i4", np.float32):
            value, pullback = call(x.astype(dtype))
            np.testing.assert_array_equal(value, right)
            for found, true in zip(tuple_of(pullback(value)), tuple_of(right_pullback(right)), strict=True):
                np.testing.assert_array_equal(found, true)
        for refused in (x.astype(np.float16), x.astype(object), np.ma.masked_array(x), x.tolist()):
            if isinstance(refused, list) and name in {"dropout", "batch_norm_frozen"}:
                continue
            with pytest.raises(InputError):
                call(refused)


def test_float64_data_do_not_widen_float32():
    x, single = BITS.astype(np.float64), LOGITS.astype(np.float32)
    for value, pullback in (
        bernoulli.log_prob(single, x=x),
        laplace.reparameterize(single, single, noise=x),
        ops.batch_norm_frozen(single, single[0], single[0], mean=x[0], var=x[0]),
    ):
        assert value.dtype == np.float32
        assert {g.dtype for g in tuple_of(pullback(value))} == {np.dtype(np.float32)}


UNIFORM = np.full((2, 3), 0.5)
DRAWS = {
    "bernoulli": lambda l: bernoulli.sample(l, uniform=UNIFORM),
    "categorical": lambda l: categorical.sample(l[:, None], uniform=UNIFORM[:, :1]),
    "multinomial": lambda l: multinomial.sample(l, uniform=UNIFORM),
    "poisson": lambda l: poisson.sample(l, uniform=UNIFORM),
    "mixture": lambda l: mixture.sample(
        l[0, :2], l[:, :1], l[:, :1], uniform=UNIFORM[0], noise=UNIFORM[:1].T
    ),
}


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("law", DRAWS)
def test_draws_come_by_the_door_too(law, twin):
    with kernels.using(twin):
        np.testing.assert_array_equal(DRAWS[law](LOGITS), DRAWS[law](LOGITS.astype(">f8")))
        for refused in (np.rint(LOGITS).astype(int), LOGITS.astype(np.float16), np.full_like(LOGITS, np.nan)):
            with pytest.raises(InputError, match="should be"):
                DRAWS[law](refused)


def test_every_op_and_every_law_has_the_door():
    assert not [case.name for case in OF_FUNCTIONS if not hasattr(case.op, "__wrapped__")]


def test_lists_are_refused():
    assert len(OF_FUNCTIONS) > 90
    for case in OF_FUNCTIONS:
        for _, arrays in with_one_changed(case, lambda a: a.tolist()):
            with pytest.raises(InputError, match="should be an array, found a "):
                run(case.op, arrays, case.constants)


def test_messages_name_the_function_the_argument_and_what_helps():
    with pytest.raises(InputError) as caught:
        gaussian.kl_to_standard(np.ones((2, 3), int), np.ones((2, 3)))
    expected = "mean should be float32 or float64, found int64: mean.astype(np.float64) makes it so"
    assert str(caught.value) == f"gaussian.kl_to_standard: {expected}"
    with pytest.raises(
        InputError, match=r"linear: W should be a plain array, found a masked array: W\.filled\(value\) puts"
    ):
        ops.linear(np.ones((2, 3)), np.ma.masked_array(np.ones((3, 2))), np.ones(2))
    with pytest.raises(InputError, match="concatenate: part 1 should be float32 or float64, found int"):
        ops.concatenate(np.ones((1, 2)), np.ones((1, 2), int))
    with pytest.raises(
        InputError, match=r"tanh: the gradient of the value should have its shape \(2,\), found \(3,\)"
    ):
        ops.tanh(np.ones(2))[1](np.ones(3))


def test_arguments_may_be_given_by_name():
    x, W, b = np.ones((2, 3)), np.ones((3, 2), np.float32), np.ones(2)
    by_place, by_name = ops.linear(x, W, b), ops.linear(b=b, x=x, W=W)
    np.testing.assert_array_equal(by_place[0], by_name[0])
    assert [g.dtype for g in by_name[1](by_name[0])] == [np.float64, np.float32, np.float64]
    with pytest.raises(InputError, match="linear: W should be float32"):
        ops.linear(x, b=b, W=W.astype(int))
