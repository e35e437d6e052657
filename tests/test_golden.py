"""Golden vectors: the stored ones are what the library computes, anywhere; regenerating them gives the same
bytes.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from safetensors.numpy import load_file

from scratchvae.__main__ import main
from scratchvae.reference import all_cases, golden
from scratchvae.reference.golden.tolerances import ALLOWED

STORED = Path(__file__).parent / "golden"
MANIFEST = json.loads((STORED / "manifest.json").read_text(encoding="utf-8"))


def stored(dtype, folder=STORED):
    with np.load(folder / f"golden-{dtype}.npz", allow_pickle=False) as archive:
        return dict(archive)


VECTORS = {dtype: stored(dtype) for dtype in golden.DTYPES}


@pytest.mark.parametrize("dtype", golden.DTYPES)
def test_what_is_stored_is_what_is_computed(dtype):
    arrays = stored(dtype)
    wrong = golden.departures(MANIFEST, arrays, dtype)
    assert not wrong, "\n".join(wrong)
    assert MANIFEST["cases"].keys() <= {case.name for case in all_cases()}
    assert (
        hashlib.sha256((STORED / f"golden-{dtype}.npz").read_bytes()).hexdigest()
        == MANIFEST["sha256"][f"golden-{dtype}.npz"]
    )
    assert all(array.dtype == dtype or array.dtype.kind in "ib" for array in arrays.values())
    kinds = {key.rpartition("/")[0].rpartition("/")[2] for key in arrays}
    assert kinds == {"input", "held", "value", "seed", "gradient", "term", "adam"}


@pytest.mark.parametrize("name", golden.new_cases(MANIFEST))
def test_a_new_case_waits_for_the_next_release(name):
    """Nothing is compared: the vectors of a new case are written with the release, by whoever makes it."""
    pytest.skip(
        f"{name} is new, and has no golden vectors yet: "
        f"`{MANIFEST['regenerate']}` stores them at the next release"
    )


@pytest.mark.slow
def test_a_case_without_vectors_is_listed_as_new(tmp_path, capsys):
    """What is stored is compared whether or not there are new cases beside it."""
    older = {
        **MANIFEST,
        "cases": {name: row for name, row in MANIFEST["cases"].items() if name != "gaussian.kl"},
    }
    assert set(golden.new_cases(older)) - set(golden.new_cases(MANIFEST)) == {"gaussian.kl"}
    (tmp_path / "manifest.json").write_text(json.dumps(older), encoding="utf-8")
    assert main(["golden", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "new since what was stored there: " in said
    assert "gaussian.kl" in said
    assert "gaussian.kl" in json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("dtype", golden.DTYPES)
def test_a_changed_number_is_named_with_the_command_that_regenerates(dtype):
    arrays = stored(dtype)
    key = "gaussian.kl_to_standard/gradient/mean"
    arrays[key] = arrays[key] * (1 + 1e-4)
    (said,) = golden.departures(MANIFEST, arrays, dtype)
    assert key in said
    assert "scratchvae golden --out" in said
    del arrays[key]
    assert "is missing" in golden.departures(MANIFEST, arrays, dtype)[0]


@pytest.mark.parametrize("mistake", golden.MISTAKES, ids=lambda one: f"{one.case}-{one.name}")
def test_a_mistake_is_told_from_the_right_form(mistake):
    """By a result that its words speak of, in every dtype, and by many times what rounding may do."""
    row = MANIFEST["cases"][mistake.case]["mistakes"][mistake.name]
    assert row["words"] == mistake.words
    assert row["caught_by"]
    for dtype, arrays in VECTORS.items():
        for result in row["caught_by"]:
            wrong = arrays[f"{mistake.case}/mistake/{mistake.name}/{result}"]
            apart = np.abs(wrong - arrays[f"{mistake.case}/{result}"]).max()
            assert apart > 100 * MANIFEST["cases"][mistake.case]["tolerance"][dtype][result]


@pytest.mark.parametrize("mistake", golden.MISTAKES, ids=lambda one: f"{one.case}-{one.name}")
def test_a_mistake_is_made_as_it_was(mistake):
    """A mistake that replaces a part by its name makes nothing where the part has another name now."""
    (case,) = (case for case in all_cases() if case.name == mistake.case)
    found = golden.vectors("float64", [case])
    for result in MANIFEST["cases"][mistake.case]["mistakes"][mistake.name]["caught_by"]:
        key = f"{mistake.case}/mistake/{mistake.name}/{result}"
        tolerance = MANIFEST["cases"][mistake.case]["tolerance"]["float64"][result]
        stored = VECTORS["float64"][key]
        np.testing.assert_allclose(found[key], stored, rtol=1e-9, atol=100 * tolerance)


def test_a_mistake_that_changes_values_alone_has_the_right_gradients_and_the_other_way_round():
    caught = {
        (m.case, m.name): MANIFEST["cases"][m.case]["mistakes"][m.name]["caught_by"] for m in golden.MISTAKES
    }
    assert caught["poisson.log_prob", "factorial_dropped"] == ["value/0"]
    assert caught["Elbo", "kl_detached"]
    assert not any(name.startswith("value") or "decoder" in name for name in caught["Elbo", "kl_detached"])


def test_what_is_json_follows_the_schema():
    schema = json.loads(golden.companions("json")["schema.json"])
    check = jsonschema.Draft202012Validator(schema)
    check.validate(MANIFEST)
    written = golden.PACKINGS["json"](VECTORS)
    assert len(written) == len({name.lower() for name in written}) == len(MANIFEST["cases"])
    for content in written.values():
        case = json.loads(content)
        check.validate(case)
        for dtype, arrays in case["arrays"].items():
            for name, entries in arrays.items():
                read = np.array(entries["data"], entries["dtype"]).reshape(entries["shape"])
                np.testing.assert_array_equal(read, VECTORS[dtype][f"{case['name']}/{name}"])  # to the bit
    assert not check.is_valid({**MANIFEST, "format_version": "0.1"})


@pytest.mark.parametrize(("packing", "command"), [("npz", [sys.executable]), ("json", ["node"])])
def test_a_few_lines_in_another_language_tell_right_from_wrong(packing, command, tmp_path):
    """Without this library: what implements a formula rightly is right, and every mistake known of it is
    told.
    """
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} on the PATH")
    packed = golden.PACKINGS[packing](VECTORS)
    if packing == "json":
        packed = {name: content for name, content in packed.items() if "gaussian.kl" in name}
    (tmp_path / "cases").mkdir()
    for name, content in {
        **packed,
        **golden.companions(packing),
        "manifest.json": golden.as_json(MANIFEST),
    }.items():
        (tmp_path / name).write_bytes(content)
    (runner,) = tmp_path.glob("runner.*")
    said = subprocess.run([*command, runner], check=True, capture_output=True, text=True).stdout.splitlines()
    assert said
    assert all(line.endswith(": right; 5 of 5 mistakes told") for line in said)
    code = runner.read_text(encoding="utf-8")
    assert code.count("\n") < 50
    runner.write_text(code.replace("- 1 - ", "- 2 - "), encoding="utf-8")
    wrong = subprocess.run([*command, runner], check=True, capture_output=True, text=True).stdout
    assert "wrong in value/0" in wrong


def test_a_case_says_what_it_computes_and_where_that_is_derived():
    row = MANIFEST["cases"]["gaussian.kl_to_standard"]
    assert row["equation"] == "KL(N(mean, σ²) ‖ N(0, 1)) = ½ Σ_d (mean² + σ² − 1 − log σ²)."
    assert row["sources"] == ["Kingma & Welling 2014, appendix B"]
    assert MANIFEST["cases"]["Renyi"]["sources"] == ["Li & Turner 2016, sections 3 and 4"]
    without = [name for name, row in MANIFEST["cases"].items() if not row["equation"]]
    assert not without, without


def test_tolerances_are_a_few_roundoffs_of_what_was_summed():
    for dtype in golden.DTYPES:
        arrays, roundoff = stored(dtype), np.finfo(dtype).eps / 2
        for name, row in MANIFEST["cases"].items():
            for result, tolerance in row["tolerance"][dtype].items():
                largest = np.abs(arrays[f"{name}/{result}"]).max(initial=0)
                assert tolerance > 0 or largest == 0, (name, result)
                assert tolerance >= ALLOWED * roundoff * largest
                assert tolerance < 4000 * roundoff * max(largest, 1), (name, result, tolerance)


def test_tolerances_grow_with_what_the_inputs_rounding_costs():
    for dtype in golden.DTYPES:
        roundoff = np.finfo(dtype).eps / 2
        largest = np.abs(stored(dtype)["gaussian.kl/value/0"]).max()
        assert (
            MANIFEST["cases"]["gaussian.kl"]["tolerance"][dtype]["value/0"]
            > 1.5 * ALLOWED * roundoff * largest
        )


def test_tolerances_grow_with_what_cancels_inside():
    """log q(z) of some −3 nats and a sum of the same size: the difference holds their roundings, which no
    input shows.
    """
    tolerance = MANIFEST["cases"]["Elbo: TotalCorrelation"]["tolerance"]["float32"]["term/total_correlation"]
    assert tolerance > ALLOWED * np.finfo("float32").eps / 2 * 3


@pytest.mark.slow
def test_regenerating_gives_the_same_bytes(tmp_path):
    """That other processors' numbers are within the tolerances is what .ci/processors.py runs this file for.

    A tolerance is itself measured, by a few roundings: on another processor it may be several times as large.
    """
    for folder in ("a", "b"):
        assert main(["golden", "--out", str(tmp_path / folder)]) == 0
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["golden-float32.npz", "golden-float64.npz", "manifest.json", "runner.py", "schema.json"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)
    fresh = json.loads((tmp_path / "a" / "manifest.json").read_text(encoding="utf-8"))["cases"]
    for name, row in MANIFEST["cases"].items():
        for dtype, tolerances in row["tolerance"].items():
            for result, tolerance in tolerances.items():
                found = fresh[name]["tolerance"][dtype][result]
                assert found <= 10 * tolerance + 1e-12, (name, dtype, result)
                assert tolerance <= 10 * found + 1e-12, (name, dtype, result)


@pytest.mark.slow
def test_safetensors_hold_the_same(tmp_path):
    assert main(["golden", "--out", str(tmp_path), "--format", "safetensors"]) == 0
    for dtype in golden.DTYPES:
        found = load_file(tmp_path / f"golden-{dtype}.safetensors")
        assert golden.departures(MANIFEST, found, dtype) == []


def test_the_reader_in_readme_needs_numpy_alone():
    readme = (Path(__file__).parents[1] / "scratchvae/reference/README.md").read_text(encoding="utf-8")
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "golden-float64" in block
    ]
    blocked = "import sys; sys.modules['scratchvae'] = None\n"
    command = [sys.executable, "-c", blocked + code]
    subprocess.run(command, cwd=STORED.parent, check=True, capture_output=True, text=True)
