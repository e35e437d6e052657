"""When the wide kernels of OpenBLAS are asked for, and when the user's word is left alone."""

import os
import sys

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
        (ZEN5, False, {"SCRATCHVAE_BLAS": "default"}, None),
        (ZEN5, False, {"OPENBLAS_CORETYPE": "Haswell"}, "Haswell"),
        (ZEN2, False, {}, None),
        (INTEL, False, {}, None),
        ({}, False, {}, None),
    ],
)
def test_wide_kernels_are_chosen_only_where_they_are_missed(facts, numpy_is_loaded, environment, chosen, monkeypatch):
    monkeypatch.setattr(cpu, "_facts", lambda: facts)
    monkeypatch.setattr(sys, "modules", {"numpy": None} if numpy_is_loaded else {})
    monkeypatch.setattr(os, "environ", dict(environment))
    cpu.prefer_wide_kernels()
    assert os.environ.get("OPENBLAS_CORETYPE") == chosen


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
