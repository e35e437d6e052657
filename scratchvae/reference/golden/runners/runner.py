"""Compare implementations of your own with the golden vectors: `python runner.py`. It needs NumPy and nothing else.

YOURS holds, for a case, a function of its inputs and held arrays by name that returns the value and a function from the seed to
the gradients by name. Each mistake that the vectors know for the case is compared too, and has to be told from the right form.
"""

import json
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent


def kl_to_standard(mean, log_var):
    """KL(N(mean, σ²) ‖ N(0, 1)) (B,), and its gradients."""
    value = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
    return value, lambda d: {"mean": d[:, None] * mean, "log_var": d[:, None] * 0.5 * (np.exp(log_var) - 1)}


YOURS = {"gaussian.kl_to_standard": kl_to_standard}


def off(found, arrays, case, within, at=""):
    """Which results are further from the stored ones than they may be."""
    names = (name for name in within if f"{case}/{at}{name}" in arrays and name in found)
    return [name for name in names if not (np.abs(found[name] - arrays[f"{case}/{at}{name}"]) <= within[name]).all()]


if __name__ == "__main__":
    cases = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["cases"]
    for dtype in ("float64", "float32"):
        arrays = np.load(FOLDER / f"golden-{dtype}.npz")
        for case, yours in YOURS.items():
            row, split = cases[case], len(case) + 1
            given = {key.rpartition("/")[2]: arrays[key] for key in arrays if key[:split] == f"{case}/" and key.count("/") == 2
                     and key[split:].partition("/")[0] in ("input", "held")}  # fmt: skip
            value, pullback = yours(**given)
            found = {f"gradient/{name}": gradient for name, gradient in pullback(arrays[f"{case}/seed/0"]).items()}
            found["value/0"] = value
            wrong = off(found, arrays, case, row["tolerance"][dtype])
            told = [name for name in row["mistakes"] if off(found, arrays, case, row["tolerance"][dtype], f"mistake/{name}/")]
            verdict = f"wrong in {', '.join(wrong)}" if wrong else "right"
            print(f"{case} {dtype}: {verdict}; {len(told)} of {len(row['mistakes'])} mistakes told")
