"""One pool of threads for products and loops: the same numbers as without it, no product lost, everything put back."""

import importlib.util
import os
import subprocess
import sys
import threading
from importlib.metadata import version

import numba
import numpy as np
import pytest
from test_kernels import DTYPES, NAMES, both_twins, example, fresh, parts

from scratchvae import cpu, kernels
from scratchvae.kernels.compiled import compiler, pool

if numba.config.DISABLE_JIT:
    pytest.skip("NUMBA_DISABLE_JIT: nothing is compiled, and nothing shared out", allow_module_level=True)
with pool.one_pool():
    THERE = pool.here.threads > 1
needs_pool = pytest.mark.skipif(not THERE, reason="one BLAS thread, or none of OpenBLAS's that can hand its jobs over")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_a_loop_shared_out_gives_the_same_numbers(name, dtype, monkeypatch):
    """To a unit in the last place: at the end of a thread's share a sum may be rounded another way."""
    kernel, arguments = both_twins(name)[1], example(name, dtype, rows=33, columns=70)
    alone = parts(kernel(*fresh(name, arguments)))
    monkeypatch.setattr(compiler, "LARGE", 1)
    monkeypatch.setattr(pool.here, "threads", 2)
    first, second = (parts(kernel(*fresh(name, arguments))) for _ in range(2))
    for got, again, want in zip(first, second, alone, strict=True):
        np.testing.assert_array_equal(got, again, strict=True)
        np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps, strict=True)


def test_only_large_arrays_are_shared_out_and_only_in_the_pool(monkeypatch):
    used = []
    monkeypatch.setattr(compiler._Version, "__call__", lambda self, a: used.append("parallel" in self.options) or a)
    for threads in (1, 2):
        monkeypatch.setattr(pool.here, "threads", threads)
        for size in (compiler.LARGE - 1, compiler.LARGE):
            both_twins("relu")[1](np.ones(size))
    assert used == [False, False, False, True]


PRODUCTS = {
    "matrix product": lambda a: a @ a.T,
    "transposed product": lambda a: a.T @ a,
    "of a vector": lambda a: a @ a[0],
    "float64": lambda a: a.astype(np.float64) @ a.T.astype(np.float64),
    "complex": lambda a: (a + 1j * a) @ a.T,
    "solve": lambda a: np.linalg.solve(a @ a.T + 10 * np.eye(len(a), dtype=a.dtype), a),
    "cholesky": lambda a: np.linalg.cholesky(a @ a.T + 10 * np.eye(len(a), dtype=a.dtype)),
    "eigenvalues": lambda a: np.linalg.eigvalsh(a[:200, :200] + a[:200, :200].T),
    "singular values": lambda a: np.linalg.svd(a[:200], compute_uv=False),
    "QR": lambda a: np.linalg.qr(a)[1],
}


@needs_pool
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_in_the_pool_give_the_same_bits(name):
    a = np.random.default_rng(0).normal(size=(400, 300)).astype(np.float32)
    want = PRODUCTS[name](a)
    with kernels.using("compiled"), kernels.one_pool():
        got = PRODUCTS[name](a)
    np.testing.assert_array_equal(got, want, strict=True)


@needs_pool
def test_threads_that_multiply_at_once_do_not_mix_their_numbers():
    a = np.random.default_rng(0).normal(size=(4, 300, 400))
    v = np.random.default_rng(1).normal(size=(4, 1200, 1200))
    want = [(m @ m.T, w @ w[0]) for m, w in zip(a, v, strict=True)]
    found = [[] for _ in a]

    def multiply(i):
        for _ in range(30):
            found[i].append((a[i] @ a[i].T, v[i] @ v[i][0]))

    with pool.one_pool():
        threads = [threading.Thread(target=multiply, args=(i,)) for i in range(len(a))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for of_thread, (product, vector) in zip(found, want, strict=True):
        assert len(of_thread) == 30
        assert all((p == product).all() and (w == vector).all() for p, w in of_thread)


def state():
    return pool.here.threads, list(pool._given), numba.get_num_threads(), [blas.threads for blas in cpu.loaded_blas()]


@needs_pool
def test_afterwards_everything_is_as_before():
    before, elsewhere = state(), []
    with pytest.raises(KeyError), pool.one_pool():  # noqa: PT012
        inside = state()
        assert inside[0] == max(before[3])
        assert inside[1]
        with pool.one_pool():
            assert state() == inside
        assert state() == inside
        other = threading.Thread(target=lambda: elsewhere.append(pool.here.threads))
        other.start()
        other.join()
        raise KeyError
    assert state() == before
    assert elsewhere == [1]  # loops of other threads are not shared out


def test_inside_it_there_is_no_obstacle_and_outside_one_is_named(monkeypatch):
    assert (pool.obstacle() is None) == THERE
    monkeypatch.setattr(pool, "_libraries", list)
    assert "no OpenBLAS" in pool.obstacle()
    with pool.one_pool() as threads:
        assert threads == 1


def test_beside_another_thread_nothing_changes():
    """What it multiplies may be under way, and would share OpenBLAS's scratch buffers."""
    before, done = state(), threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    with pool.one_pool() as threads:
        assert threads == 1
        assert state() == before
    assert not THERE or pool.obstacle().endswith(other.name)
    done.set()
    other.join()


@needs_pool
@pytest.mark.parametrize("home", sorted(pool.NEVER_MULTIPLY))
@pytest.mark.parametrize("runs", ["its class", "a function", "a method"])
def test_threads_of_progress_bars_and_notebooks_are_no_obstacle(home, runs):
    done = threading.Event()

    class Theirs(threading.Thread):
        def run(self):
            done.wait()

        def method(self):
            done.wait()

    def function():
        done.wait()

    Theirs.__module__ = Theirs.method.__module__ = function.__module__ = home
    targets = {"its class": None, "a function": function, "a method": Theirs().method}
    other = Theirs() if runs == "its class" else threading.Thread(target=targets[runs])
    other.start()
    try:
        assert pool.obstacle() is None
    finally:
        done.set()
        other.join()


def test_the_threads_of_notebooks_are_called_what_they_are():
    """As far as their packages are installed. Before version 7 a kernel had no thread for the shell's channel."""
    for module in pool.NEVER_MULTIPLY:
        package = module.partition(".")[0]
        if importlib.util.find_spec(package) and not (package == "ipykernel" and int(version(package).partition(".")[0]) < 7):
            assert importlib.util.find_spec(module)


def test_the_textbook_kernels_need_no_pool(monkeypatch):
    monkeypatch.setattr(pool, "one_pool", None)
    with kernels.using("textbook"), kernels.one_pool():
        assert pool.here.threads == 1


def run(script, **environment):
    """What the script prints in a process of its own, in which OpenBLAS has two threads."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", **environment}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SAYS_HOW_MANY = """
import numpy as np
from scratchvae.kernels.compiled import pool
with pool.one_pool():
    print(pool.here.threads, bool(pool._given))
    np.ones((300, 300)) @ np.ones((300, 300))
"""
NOT_THERE = [
    {"OMP_THREAD_LIMIT": "1"},  # with fewer threads than jobs a product would wait forever
    {"OMP_DYNAMIC": "true"},
    {"NUMBA_NUM_THREADS": "1"},
    {"NUMBA_THREADING_LAYER": "workqueue"},
    {"OPENBLAS_NUM_THREADS": "1"},
    {"SCRATCHVAE_CPU": "default"},
]


@needs_pool
@pytest.mark.parametrize("environment", NOT_THERE, ids=lambda environment: next(iter(environment)))
def test_where_threads_might_be_missing_nothing_changes(environment):
    assert run(SAYS_HOW_MANY) == "2 True\n"
    assert run(SAYS_HOW_MANY, **environment) == "1 False\n"


FORKS = """
import os, warnings
import numpy as np
from scratchvae import kernels
from scratchvae.kernels.compiled import pool
warnings.simplefilter("ignore")  # Python's word on forking beside threads
a = np.random.default_rng(0).normal(size=(400, 500)).astype(np.float32)
def forked():
    child = os.fork()
    if child == 0:
        with pool.one_pool() as threads:
            same = all((x == y).all() for x, y in zip((a @ a.T, kernels.relu(a)), want))
        os._exit(0 if same and threads == 1 and "forked" in pool.obstacle() else 3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
with pool.one_pool():
    want = a @ a.T, kernels.relu(a)
    print(forked(), pool.here.threads, (a @ a.T == want[0]).all())
print(forked(), pool.here.threads)
"""


@needs_pool
def test_a_forked_process_multiplies_with_threads_of_its_own():
    assert run(FORKS) == "0 2 True\n0 1\n"
