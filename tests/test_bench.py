"""The benchmark: that it measures what it says. No test here asserts a time."""

import json
import tracemalloc
from contextlib import contextmanager
from unittest.mock import MagicMock

import numpy as np
import pytest

from scratchvae import cpu, kernels
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.bench import growth, rounds, worker, workloads
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


@pytest.mark.parametrize(("batch", "samples"), [(2, 5000), (3, 100), (25, 100), (1, 1)])
def test_the_floor_of_evaluate_decodes_every_draw(batch, samples, monkeypatch):
    seen = []
    monkeypatch.setattr(workloads, "run_products", seen.append)
    workloads.evaluate_step(batch, hidden=8, latent=3, samples=samples)
    assert multiplications(seen[0]) == batch * samples * (3 * 8 + 8 * 8 + 8 * 784)


SMALL = {
    "mlp": {"batch": 4, "hidden": 8},
    "conv": {"batch": 2, "hidden": 8},
    "iwae": {"batch": 2, "hidden": 8, "samples": 3},
    "vq": {"batch": 4, "hidden": 8, "latent": 16},
    "flow": {"batch": 4, "hidden": 8, "latent": 3},
    "beta-tc": {"batch": 4, "hidden": 8, "latent": 3},
    "ladder": {"batch": 4, "hidden": 8, "latent": 3},
}


@pytest.mark.parametrize(("name", "small"), SMALL.items())
def test_a_step_trains_its_model(name, small, monkeypatch):
    models = []
    built = workloads._training
    monkeypatch.setattr(
        workloads, "_training", lambda model, *rest: models.append(model) or built(model, *rest)
    )
    workload = workloads.WORKLOADS[name](**small)
    before = [p.value for p in named_parameters(models[0]).values()]
    for _ in range(2):  # a flow begins as the identity, at which the gradients of its inner weights are 0
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
    assert (
        main(["bench", "mlp", "--rounds", "1", "--seconds", "0.05", "--threads", "1", "--json", str(path)])
        == 0
    )
    assert "of products" in capsys.readouterr().out
    ours = json.loads(path.read_text())["mlp"]["scratchvae"]
    assert ours["images"] == 128
    assert min(ours["step"], ours["products"], ours["of_products"], ours["turns"]) > 0


STATES = (1.0, 3.0, 2.0)  # how slow the machine is in each lap, in turn


class Scripted:
    """A worker whose answers are known, by a clock that it moves itself: turns of 0.25 s."""

    def __init__(self, name, clock, sizes):
        self.name, self.clock, self.images, self.lap = name, clock, 7, -1
        self.functions = ["step", "products"] if name == "scratchvae" else ["step"]
        self.scale = sizes.get("batch", 1)

    def turn(self, function, seconds):
        self.clock[0] += seconds
        self.lap += function == "step"
        ours = {"step": (2, 4, 30), "products": (1, 1, 10)}[function][self.lap % 3]
        return STATES[self.lap % 3] * self.scale * (ours if self.name == "scratchvae" else 5 * ours - 5)


@pytest.fixture
def scripted(monkeypatch):
    clock, seen = [0.0], []

    @contextmanager
    def started(name, workload, threads, sizes):
        seen.append((name, workload, threads))
        yield Scripted(name, clock, sizes)
        seen.append("ended")

    monkeypatch.setattr(rounds, "started", started)
    monkeypatch.setattr(rounds.time, "perf_counter", lambda: clock[0])
    return seen


def test_turns_of_one_lap_are_held_against_each_other(scripted):
    """The median of the ratios, 3 and 3.75; the ratios of the medians are 4."""
    found = rounds.compare("mlp", ["jax"], rounds=2, seconds=0.75, threads=1)
    assert list(found) == ["scratchvae", "jax"]
    assert found["scratchvae"] == {"step": 12, "images": 7, "turns": 6, "products": 3, "of_products": 3}
    assert found["jax"] == {"step": 45, "images": 7, "turns": 6, "of_ours": 3.75}
    assert scripted == [("scratchvae", "mlp", 1), ("jax", "mlp", 1), "ended", "ended"] * 2


def test_growth_is_by_ratios_of_one_lap(scripted):
    assert rounds.grow("mlp", "batch", (4, 8, 40), rounds=1, seconds=0.75, threads=1) == pytest.approx(
        [48, 96, 480]
    )


def test_each_implementation_runs_as_its_users_run_it(monkeypatch):
    seen = {}

    process = MagicMock(stdin=None, stdout=None)
    process.__enter__.return_value, process.wait.return_value = process, 1

    def popen(command, env, **_):
        seen[command[3]] = env, command
        return process

    monkeypatch.setattr(rounds.subprocess, "Popen", popen)
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    monkeypatch.setenv(cpu.CORETYPE, "SkylakeX")
    monkeypatch.setattr(cpu, "chosen_here", [cpu.CORETYPE])
    for name in rounds.IMPLEMENTATIONS:
        with pytest.raises(InputError, match="it said nothing"), rounds.started(name, "mlp", 1, {"batch": 3}):
            pass
        environment, command = seen[name]
        assert command[2:] == ["scratchvae.bench.worker", name, "mlp", "--batch", "3"]
        assert {environment[name] for name in rounds.THREADS} == {"1"}
        assert environment.get(cpu.CORETYPE) == ("SkylakeX" if name == "scratchvae" else None)
    assert seen["jax"][0]["XLA_FLAGS"] == "--xla_dump_to=x --xla_cpu_multi_thread_eigen=false"


@pytest.mark.parametrize(("calls", "median"), [([9, 8, 1, 2, 6, 1], 2), ([30], 30), ([1] * 5 + [3] * 9, 3)])
def test_a_turn_is_a_median_of_what_comes_when_it_has_settled(calls, median, monkeypatch):
    """Of 20: what begins in the first 4 doesn't count, unless it lasts to the end."""
    clock, left = [0.0], list(calls)

    def function():
        clock[0] += left.pop(0)

    monkeypatch.setattr(worker.time, "perf_counter", lambda: clock[0])
    assert worker._turn(function, 20) == median


@pytest.mark.slow
def test_a_worker_that_dies_is_one_sentence(capsys, monkeypatch):
    with (
        pytest.raises(InputError, match=r"scratchvae can't run gan here: .*'gan'"),
        rounds.started("scratchvae", "gan", 1, {}),
    ):
        pass
    with rounds.started("scratchvae", "mlp", 1, {"batch": 2, "hidden": 3}) as one:
        assert one.turn("step", 0.01) > 0
        one.process.kill()
        one.process.wait()
        with pytest.raises(InputError, match="can't run mlp here: its process was killed by signal 9"):
            one.turn("step", 0.01)
    assert one.process.returncode == -9
    turn = rounds.Worker.turn

    def too_late(self, function, seconds):
        self.process.kill()
        self.process.wait()
        return turn(self, function, seconds)

    monkeypatch.setattr(rounds.Worker, "turn", too_late)
    assert main(["bench", "mlp", "--rounds", "1", "--seconds", "0.1", "--threads", "1"]) == 2
    assert "killed by signal 9" in capsys.readouterr().err


@pytest.mark.slow
def test_bench_grows_a_size(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(growth.SWEEPS, "batch", ("mlp", (4, 8, 16)))
    picture = tmp_path / "growth.png"
    argv = [
        "bench",
        "--grow",
        "batch",
        "--rounds",
        "1",
        "--seconds",
        "0.02",
        "--threads",
        "1",
        "--plot",
        str(picture),
    ]
    assert main(argv) == 0
    assert "time grows as batch^" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["bench", "gan"], "one of beta-tc, conv, evaluate, flow, iwae, ladder, mlp, vq; found 'gan'"),
        (["bench", "mlp", "--against", "tensorflow"], "one of jax, torch, torch-compile; found 'tensorflow'"),
        (["bench", "mlp", "--rounds", "0"], "--rounds should be at least 1"),
        (["bench", "mlp", "--threads", "100000"], "--threads should be at most"),
        (["bench", "mlp", "--json", "/nowhere/x.json"], "there is no folder /nowhere"),
        (["bench", "mlp", "--plot", "x.png"], "--plot goes with --grow"),
        (["bench", "--grow", "batch", "--plot", "x.pdf"], "--plot should end in .png"),
        (["bench", "mlp", "--grow", "batch"], "--grow goes without workloads"),
    ],
)
def test_bad_arguments_are_one_sentence(argv, words, capsys):
    assert main(argv) == 2
    assert words in capsys.readouterr().err
