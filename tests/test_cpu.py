"""When the wide kernels of OpenBLAS are asked for, when the allocator is set, and when the user's word is
left alone.
"""

import ctypes
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from scratchvae import cpu
from scratchvae.cpu import Blas

ZEN5 = {"vendor_id": "AuthenticAMD", "flags": "fpu " + " ".join(cpu.AVX512), "model name": "AMD EPYC"}
ZEN2 = {"vendor_id": "AuthenticAMD", "flags": "fpu avx2"}
INTEL = {"vendor_id": "GenuineIntel", "flags": " ".join(cpu.AVX512)}


@pytest.mark.parametrize(
    ("facts", "numpy_is_loaded", "environment", "chosen"),
    [
        (ZEN5, False, {}, "SkylakeX"),
        (ZEN5, True, {}, None),
        (ZEN5, False, {"SCRATCHVAE_CPU": "default"}, None),
        (ZEN5, False, {"OPENBLAS_CORETYPE": "Haswell"}, "Haswell"),
        (ZEN2, False, {}, None),
        (INTEL, False, {}, None),
        ({}, False, {}, None),
    ],
)
def test_wide_kernels_are_chosen_only_where_they_are_missed(
    facts, numpy_is_loaded, environment, chosen, monkeypatch
):
    monkeypatch.setattr(cpu, "_facts", lambda: facts)
    monkeypatch.setattr(sys, "modules", {"numpy": None} if numpy_is_loaded else {})
    monkeypatch.setattr(os, "environ", dict(environment))
    monkeypatch.setattr(cpu, "keep_freed_memory", lambda: None)
    cpu.prepare()
    assert os.environ.get("OPENBLAS_CORETYPE") == chosen


@pytest.mark.parametrize(
    ("platform", "environment", "asked"),
    [
        ("linux", {}, {-3: 32 << 20, -1: 128 << 20}),
        ("linux", {"MALLOC_TOP_PAD_": "0"}, {}),
        ("linux", {"SCRATCHVAE_CPU": "default"}, {}),
        ("darwin", {}, {}),
    ],
)
def test_the_allocator_is_set_only_where_it_is_glibcs_and_nobody_has_set_it(
    platform, environment, asked, monkeypatch
):
    called = {}
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "environ", dict(environment))
    monkeypatch.setattr(cpu, "prefer_wide_kernels", lambda: None)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=called.__setitem__))
    cpu.prepare()
    assert called == asked


ADVICE = [(ZEN5, "Haswell", True), (ZEN5, "SkylakeX", False), (INTEL, "Haswell", False)]


@pytest.mark.parametrize(("facts", "kernels", "advised"), ADVICE)
def test_advice_is_given_where_something_is_left_on_the_table(facts, kernels, advised, monkeypatch):
    monkeypatch.setattr(cpu, "_facts", lambda: facts)
    advice = cpu.advice([Blas("openblas", "0.3", kernels, 2)])
    assert (advice is not None) == advised
    assert not advised or "OPENBLAS_CORETYPE=SkylakeX" in advice


def test_this_machine_is_described():
    assert cpu.processor()
    assert cpu.cores() >= 1
    assert all(blas.threads >= 1 and blas.library for blas in cpu.loaded_blas())


WHAT_CHANGES = """
import ctypes, os, sys
before = dict(os.environ)
called = []
real = ctypes.CDLL
class Seen(real):
    def __getattr__(self, name):
        if name == "mallopt":
            called.append(name)
        return super().__getattr__(name)
ctypes.CDLL = Seen
import scratchvae
for room in scratchvae.ROOMS:
    getattr(scratchvae, room)
import scratchvae.__main__
assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())
assert not called
"""


def test_an_import_changes_nothing_in_the_process():
    """Neither the environment nor the allocator: a library's import is no place for either."""
    done = subprocess.run([sys.executable, "-c", WHAT_CHANGES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_line_prepares_before_numpy_is_there():
    seen = (
        "import sys, scratchvae.cpu as cpu; cpu._facts = lambda: %r; "
        "from scratchvae.__main__ import main; main(['info'])"
    )
    code = seen % ZEN5 + "; import os; print(os.environ['OPENBLAS_CORETYPE'], cpu.chosen_here)"
    environment = {
        name: value for name, value in os.environ.items() if name not in (cpu.CORETYPE, cpu.SWITCH)
    }
    # a core type that this processor lacks is another matter: OpenBLAS checks what it is asked for
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert "SkylakeX ['OPENBLAS_CORETYPE']" in done.stdout, done.stderr
