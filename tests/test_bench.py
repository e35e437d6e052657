"""The benchmark: that it measures what it says. No test here asserts a time."""

import json
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

from scratchvae import kernels
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.bench import growth, rounds, workloads
from scratchvae.bench.products import of_convolution, of_linear_layers
from scratchvae.layers import named_parameters


def multiplications(products):
    return sum(a.shape[0] * a.shape[1] * b.shape[1] for a, b in products)


def test_the_floor_counts_every_product_of_a_step():
    B, D, H, Z = 128, 784, 400, 20
    encoder = of_linear_layers(B, (D, H, 2 * Z), needs_dx=False)
    decoder = of_linear_layers(B, (Z, H, D), needs_dx=True)
    assert len(encoder) + len(decoder) == 11
    assert multiplications(encoder) == B * (2 * D * H + 3 * H * 2 * Z)
    assert multiplications(decoder) == B * 3 * (Z * H + H * D)
    assert multiplications(of_convolution(32, 16, 99, needs_dx=True)) == 3 * 32 * 16 * 99
    assert all(a.dtype == np.float32 for pair in encoder for a in pair)


SMALL = {"mlp": {"batch": 4, "hidden": 8}, "conv": {"batch": 2, "hidden": 8}, "iwae": {"batch": 2, "hidden": 8, "samples": 3}}


@pytest.mark.parametrize(("name", "small"), SMALL.items())
def test_a_step_trains_its_model(name, small, monkeypatch):
    models = []
    built = workloads._training
    monkeypatch.setattr(workloads, "_training", lambda model, *rest: models.append(model) or built(model, *rest))
    workload = workloads.WORKLOADS[name](**small)
    before = [p.value for p in named_parameters(models[0]).values()]
    workload.step()
    workload.products()
    assert workload.images == small["batch"]
    after = [p.value for p in named_parameters(models[0]).values()]
    assert all(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_step_allocates_little_more_than_it_must():
    """At its peak: a gradient and a new value for every weight, and half as much again as the activations."""
    B, D, H, Z = 128, 784, 400, 20
    with kernels.using("compiled"):
        workload = workloads.mlp_step()
        workload.step()
        tracemalloc.start()
        workload.step()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    activations = B * (2 * H + D + 5 * Z)  # pre-activations, logits, q_params, noise, z
    weights = D * H + H * 2 * Z + Z * H + H * D
    assert peak < 4 * (3 * weights + 1.5 * activations)


def test_the_exponent_of_a_power_law():
    sizes = growth.SWEEPS["batch"][1]
    assert growth.exponent(sizes, [0.1 * s**1.5 for s in sizes]) == pytest.approx(1.5)
    assert growth.exponent(sizes, [7.0 + 0.0 * s for s in sizes]) == pytest.approx(0)


def test_bench_prints_a_table_and_writes_it(tmp_path, capsys):
    path = tmp_path / "table.json"
    assert main(["bench", "mlp", "--rounds", "1", "--seconds", "0.05", "--threads", "1", "--json", str(path)]) == 0
    assert "of products" in capsys.readouterr().out
    ours = json.loads(path.read_text())["mlp"]["scratchvae"]
    assert ours["images"] == 128
    assert min(ours["step"], ours["products"], ours["of_products"]) > 0


def test_neighbouring_turns_are_held_against_each_other(monkeypatch):
    """By workers whose machine halves its speed with every other turn: the ratios stay."""
    now = [1.0]

    class Scripted:
        def __init__(self, name):
            self.name, self.images, self.functions = name, 7, ["step", "products"] if name == "scratchvae" else ["step"]

        def turn(self, what, seconds):
            if (self.name, what) == ("scratchvae", "step"):
                now[0] = 3 - now[0]
            return now[0] * {"scratchvae": 2.0, "jax": 5.0}[self.name] / {"step": 1, "products": 4}[what]

    @contextmanager
    def scripted(name, *_):
        yield Scripted(name)
        now.append("ended")

    monkeypatch.setattr(rounds, "worker", scripted)
    found = rounds.measure("mlp", ["jax"], rounds=3, seconds=0.01, threads=1)
    assert found["scratchvae"]["of_products"] == pytest.approx(4)
    assert found["jax"]["of_ours"] == pytest.approx(2.5)
    assert found["jax"]["images"] == 7
    assert now[1:] == ["ended"] * 6


def test_a_worker_that_dies_is_one_sentence():
    with pytest.raises(InputError, match=r"scratchvae can't run gan here: .*'gan'"), rounds.worker("scratchvae", "gan", 1, {}):
        pass
    with rounds.worker("scratchvae", "mlp", 1, {"batch": 2, "hidden": 3}) as one:
        assert one.turn("step", 0.01) > 0
        one.process.kill()
        with pytest.raises(InputError, match="can't run mlp here: no message"):
            one.turn("step", 0.01)


def test_bench_grows_a_size(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(growth.SWEEPS, "batch", ("mlp", (4, 8, 16)))
    picture = tmp_path / "growth.png"
    argv = ["bench", "--grow", "batch", "--rounds", "1", "--seconds", "0.02", "--threads", "1", "--plot", str(picture)]
    assert main(argv) == 0
    assert "time grows as batch^" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["bench", "gan"], "one of conv, evaluate, iwae, mlp; found 'gan'"),
        (["bench", "mlp", "--against", "tensorflow"], "one of jax, torch, torch-compile; found 'tensorflow'"),
        (["bench", "mlp", "--rounds", "0"], "--rounds should be at least 1"),
    ],
)
def test_bad_arguments_are_one_sentence(argv, words, capsys):
    assert main(argv) == 2
    assert words in capsys.readouterr().err
