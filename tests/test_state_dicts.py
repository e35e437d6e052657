"""State dicts as PyTorch has them: names, layouts and files, checked without PyTorch."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from scratchvae.arrays import InputError
from scratchvae.layers import BatchNorm, Conv2d, Flatten, Linear, Mode, ReLU, Sequential, named_parameters
from scratchvae.recipes import mlp
from scratchvae.reference import load_state_dict, read_state_dict, save_state_dict, state_dict


def network(seed):
    return Sequential(
        Conv2d(1, 2, 3, rng=seed),
        BatchNorm(2),
        ReLU(),
        Flatten(),
        Linear(8, 5, rng=seed),
        Sequential(Linear(5, 3, rng=seed)),
    )


def test_names_and_layouts_are_pytorchs():
    """As `nn.Sequential(Conv2d, BatchNorm2d, ReLU, Flatten, Linear, Sequential(Linear)).state_dict()` has
    them.
    """
    layer = network(0)
    found = {name: array.shape for name, array in state_dict(layer).items()}
    assert found == {
        "0.weight": (2, 1, 3, 3),
        "0.bias": (2,),
        "1.weight": (2,),
        "1.bias": (2,),
        "1.running_mean": (2,),
        "1.running_var": (2,),
        "4.weight": (5, 8),
        "4.bias": (5,),
        "5.0.weight": (3, 5),
        "5.0.bias": (3,),  # (out, in)
    }
    np.testing.assert_array_equal(state_dict(layer)["4.weight"], layer.layers[4].weight.value.T)
    np.testing.assert_array_equal(state_dict(layer)["0.weight"], layer.layers[0].weight.value)


def test_what_is_returned_is_a_copy():
    layer = network(0)
    found = state_dict(layer)
    for array in found.values():
        array += 1
    assert all(not np.array_equal(array, found[name]) for name, array in state_dict(layer).items())


def test_a_layer_that_takes_them_over_computes_the_same():
    ours, other, x = (
        network(0),
        network(1),
        np.random.default_rng(0).normal(size=(4, 1, 4, 4)).astype(np.float32),
    )
    ours(x, mode=Mode(np.random.default_rng(0)))  # which moves the running statistics
    before = other(x)[0]
    load_state_dict(other, {**state_dict(ours), "1.num_batches_tracked": np.array(1)})
    np.testing.assert_array_equal(other(x)[0], ours(x)[0])
    assert not np.array_equal(before, ours(x)[0])
    assert all(parameter.value.flags.c_contiguous for parameter in named_parameters(other).values())
    wide = {name: array.astype(np.float64) for name, array in state_dict(ours).items()}
    load_state_dict(other, wide)
    assert {parameter.value.dtype for parameter in named_parameters(other).values()} == {np.dtype(np.float64)}


def test_files_hold_the_same(tmp_path):
    model, other = (
        mlp((4,), latent_dim=2, hidden=(3,), likelihood="gaussian(learned=True)", seed=seed)
        for seed in (0, 1)
    )
    save_state_dict(model, tmp_path / "m.safetensors")
    expected = state_dict(model)
    stored = load_file(tmp_path / "m.safetensors")
    assert {name: array.shape for name, array in stored.items()} == {
        name: array.shape for name, array in expected.items()
    }
    np.savez(tmp_path / "m.npz", **expected)
    save_file(
        {name: np.ascontiguousarray(array) for name, array in expected.items()}, tmp_path / "n.safetensors"
    )
    for file in ("m.safetensors", "m.npz", "n.safetensors"):
        read_state_dict(other, tmp_path / file)
        assert all(np.array_equal(expected[name], array) for name, array in state_dict(other).items())
        load_state_dict(other, {name: 0 * array for name, array in expected.items()})


def without(arrays, name):
    return {key: array for key, array in arrays.items() if key != name}


REFUSED = {
    "missing": (lambda held: without(held, "4.bias"), r"missing 4.bias, unknown none"),
    "unknown": (lambda held: {**held, "9.bias": held["4.bias"]}, r"missing none, unknown 9.bias"),
    "turned": (
        lambda held: {**held, "4.weight": held["4.weight"].T},
        r"4.weight should have shape \(5, 8\), found \(8, 5\)",
    ),
    "shape": (lambda held: {**held, "0.bias": np.ones(3)}, r"0.bias should have shape \(2,\), found \(3,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_and_changes_nothing(name):
    change, words = REFUSED[name]
    layer = network(0)
    before = state_dict(layer)
    others = {key: array + 1 for key, array in before.items()}
    with pytest.raises(InputError, match=words):
        load_state_dict(layer, change(others))
    assert all(np.array_equal(before[key], array) for key, array in state_dict(layer).items())
