"""Whether a reported validation bound lies below an estimate of log p(x), within its error.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.ops import log_sum_exp
from scratchvae.reference.diagnosis import RIGHT, SCALES, read
from scratchvae.reference.frameworks.torch_capture import capture
from scratchvae.reference.frameworks.torch_step import copied

DRAWS = 64  # of z for each example
ERRORS = 4.0  # standard errors that a bound may lie above the estimate by chance


def bound_on_evidence(checks: Any, run: Any, batch: Any, evaluate: Callable[[Any, Any], Any]) -> None:
    """Enter whether what `evaluate` reports is below log 1/K Σ_k p(x, z_k) / q(z_k|x), as a mean.

    The draws are those that the training step makes, watched, with an optimizer that does not step. The
    estimate is itself below log p(x) on average, so that what lies above it by more than its error, or by
    more than K can close, is no bound.
    """
    import torch

    model, optimizer = copied((run.model, run.optimizer))
    optimizer.step = lambda *_, **__: None
    with torch.no_grad():
        reported = float(np.mean(np.asarray(evaluate(copied(run.model), batch))))
    log_w = []
    for seed in range(DRAWS):
        torch.manual_seed(seed)
        model.eval()
        losses: list[Any] = []
        with capture(model) as seen:
            seen.watch.ended = losses.append  # nothing steps, so that the graph can be looked at afterwards
            run.train_step(model, optimizer, batch)
        weights = _log_weights(seen, losses[0]) if losses else None
        if weights is None:
            checks.unseen.append("the validation bound: the step's z and output were not recognized")
            return
        log_w.append(weights)
    stacked = np.stack(log_w, axis=1)
    estimate = log_sum_exp(stacked, axis=1)[0] - np.log(DRAWS)
    w = np.exp(stacked - stacked.max(axis=1, keepdims=True))
    error = float(np.sqrt((w.var(axis=1) / w.mean(axis=1) ** 2 / DRAWS).sum()) / len(w))
    said = f"reported {reported:.5g}, the estimate of log p(x) is {estimate.mean():.5g} ± {error:.2g}"
    if reported > estimate.mean() + ERRORS * error + 1e-4 * abs(float(estimate.mean())):
        checks.departs("validation bound", "no_bound", said)
    else:
        checks.agrees("the validation bound is below log p(x)")
        checks.notes.append(said)


def _log_weights(seen: Any, loss: Any) -> Array | None:
    """log p(x|z) + log p(z) − log q(z|x) of the one draw that a step made   (B,)."""
    try:
        meant, arrays = seen.meant(loss)
    except InputError:
        return None
    scale = next((name for name in SCALES if name in arrays), None)
    if (
        scale is None
        or not meant
        or not {"z", "mean", "x"} <= set(arrays)
        or not {"logits", "x_mean"} & set(arrays)
    ):
        return None
    kept = {n: a for n, a in arrays.items() if n in {"z", "mean", "x", scale, "logits", "x_mean"}}
    given = read(kept, names={}, **{**meant, "constants": True})
    parts = [given.computed(piece) for piece in (RIGHT.reconstruction, RIGHT.log_pz, RIGHT.log_q)]
    if any(part is None for part in parts):
        return None
    log_px, log_pz, log_q = (part.value.reshape(len(part.value), -1).sum(axis=1) for part in parts)
    found: Array = -log_px + log_pz - log_q
    return found
