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


def regularized(text):
    rows = {name: numbers_after(text, name) for name in ("plain", "sparse, L1", "sparse, KL", "denoising", "contractive")}
    assert rows["denoising"][1] < rows["plain"][1]
    assert min(rows, key=lambda name: rows[name][4]) == "contractive"
    for name in ("sparse, L1", "sparse, KL"):
        assert rows[name][2] < rows["plain"][2] / 2
    found, closed = re.search(r"contractive one: ([\d.]+) .* closed form: ([\d.]+)", text).groups()
    assert float(found) == pytest.approx(float(closed), rel=1e-5)


def gaussians(text):
    for number in range(1, 11):
        closed, exact, off, sampled, error = numbers_after(text, f"({number})")[-5:]
        assert off < 1e-10
        assert sampled == pytest.approx(closed, abs=4 * error + 1e-4)
        assert closed == pytest.approx(exact, abs=1e-8)
    assert "and with the draws to 4 standard errors: yes" in text
    for name, least in (("diagonal q", 0.640967), ("full q", 0.0)):
        line = next(line for line in text.splitlines() if line.strip().startswith(name))
        assert float(re.findall(r"brackets\) +([\d.]+)", line)[0]) == pytest.approx(least, abs=1e-5)


def the_bound(text):
    for row in ("the prior", "some q, number 1", "some q, number 4", "the posterior"):
        *_, log_px_z, kl, bound, to_posterior, total, joint = numbers_after(text, row)
        assert log_px_z - kl == pytest.approx(bound, abs=3e-6)
        assert joint == pytest.approx(bound, abs=3e-6)
        assert bound + to_posterior == pytest.approx(total, abs=3e-6)
    assert numbers_after(text, "largest difference between what should be equal:")[0] < 1e-10
    assert numbers_after(text, "largest difference:")[0] < 1e-6
    moved, still = numbers_after(text, "With another q the bound moves by at least")
    assert moved > 0.01
    assert still < 1e-12
    bias, error = numbers_after(text, "bias")
    assert abs(bias) < 4 * error
    closed, sampled, one_out, plain = (
        numbers_after(text, name)
        for name in ("reparameterized, KL in", "reparameterized, KL sampled", "score function, leave one out", "score function  ")
    )
    for reparameterized in (closed, sampled):
        assert all(a < b < c for a, b, c in zip(reparameterized, one_out, plain, strict=True))
    assert numbers_after(text, "their means differ by at most")[0] < 6
    bounds = [numbers_after(text, f"K = {K} ")[0] for K in (1, 10, 100)]
    assert bounds == sorted(bounds)


CLAIMS = {  # demo: what the numbers it prints must satisfy
    "00_vae_in_one_file": one_file,
    "01_one_gradient_by_hand": one_gradient,
    "02_autoencoder": autoencoder,
    "03_vae": vae,
    "04_likelihoods": likelihoods,
    "08_regularized_autoencoders": regularized,
    "09_gaussians": gaussians,
    "10_the_bound": the_bound,
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
