"""The demos: each runs to its end without a warning, draws its pictures, and prints numbers that satisfy what they must."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = sorted(Path(__file__).parent.parent.joinpath("demos").glob("*.py"))


def numbers_after(text, start):
    """The numbers in the rest of the first line that starts so, apart from its indentation."""
    line = next(line for line in text.splitlines() if line.strip().startswith(start))
    rest = re.sub(r"\(expected.*", "", line.strip()[len(start) :])
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?", rest)]


def one_file(text):
    bound, reconstruction, kl = numbers_after(text, "VAE after training")
    assert bound == pytest.approx(reconstruction - kl, abs=0.02)
    assert numbers_after(text, "Smallest KL of an image:")[0] >= 0
    model, truth = (numbers_after(text, name)[0] for name in ("its decoder, exact posterior: log p(x)", "the true generator"))
    assert model < truth  # on average no model gives data a higher probability than what they come from


def one_gradient(text):
    for gradient in ("dx", "dmean", "dlog_var"):
        assert numbers_after(text, f"{gradient} ")[1] < 1e-6
    sampled, expected = numbers_after(text, "variance ")[3], numbers_after(text, "variance ")[0]
    assert sampled / expected == pytest.approx(expected, rel=0.05)  # the wrong sampler has the variance σ⁴ in place of σ²
    assert "Everything as expected: yes" in text


def autoencoder(text):
    mean_image, two, sixteen = (numbers_after(text, row)[0] for row in ("0  ", "2  ", "16  "))
    assert sixteen < two < mean_image
    _, noisy = numbers_after(text, "left as it is")
    assert noisy == pytest.approx(0.5, abs=0.01)
    assert numbers_after(text, "trained to undo noise")[1] < noisy


def vae(text):
    assert numbers_after(text, "Smallest KL of an image")[0] >= 0
    assert numbers_after(text, "bound − (log_px − KL), largest") == [0]
    one, ten, hundred = (numbers_after(text, f"{K}  ")[0] for K in (1, 10, 100))
    assert one < ten < hundred


def likelihoods(text):
    for name in ("gaussian, σ² = 1 ", "gaussian, σ learned", "gaussian, per pixel", "laplace, s learned"):
        *_, bits, of_level = numbers_after(text, name)
        assert of_level == pytest.approx(bits + 3, abs=0.002)  # log₂ of 8 levels
        assert of_level > numbers_after(text, "categorical, 8 levels")[-1]


def helmholtz_machine(text):
    for q in range(1, 6):
        row = numbers_after(text, f"{q}  ")
        assert row[0] == 1
        assert row[1] == pytest.approx(row[2] + row[3], abs=2e-6)
        assert row[4] < 1e-12
    assert numbers_after(text, "Largest change of log p(x) from q to q:")[0] == 0
    (ceiling,) = numbers_after(text, "law of the bars         mean log p(x)")[:1]
    for name in ("wake-sleep  ", "reweighted wake-sleep  "):
        log_px, bound, kl, divergence, _, untrained = numbers_after(text, name)
        assert log_px == pytest.approx(bound + kl, abs=2e-4)
        assert divergence == pytest.approx(ceiling - log_px, abs=2e-4)
        assert 0 < divergence < untrained / 3
    independent, bound, few, many = (
        numbers_after(text, row)[-1] for row in ("independent pixels", "machine     ", "machine, K = 5 ", "machine, K = 50")
    )
    assert bound < few < many
    assert independent < many


CLAIMS = {  # demo: what the numbers it prints must satisfy
    "00_vae_in_one_file": one_file,
    "01_one_gradient_by_hand": one_gradient,
    "02_autoencoder": autoencoder,
    "03_vae": vae,
    "04_likelihoods": likelihoods,
    "12_helmholtz_machine": helmholtz_machine,
}


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
def test_demo(demo, tmp_path):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    command = [sys.executable, "-W", "error", str(demo), "--quick", "--out", str(tmp_path / "pictures")]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    pictures = list((tmp_path / "pictures").glob("*.png"))
    assert pictures
    assert list(tmp_path.iterdir()) == [tmp_path / "pictures"]  # nothing written beside
    assert demo.stem in CLAIMS, f"demo {demo.stem} makes no claim yet: add one to CLAIMS"
    CLAIMS[demo.stem](run.stdout)
