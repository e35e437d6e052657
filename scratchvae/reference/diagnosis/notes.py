"""Notes on what can hardly be, where nothing exact was found right: signs, and a log σ² without them."""

import numpy as np

from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.suspicions import ENOUGH


def never_negative(given: Given) -> list[str]:
    """A note on a log σ² that a ReLU seems to have passed."""
    held = given.log_var if given.log_var is not None else given.log_std
    if held is None or held.size < ENOUGH or held.min() < 0 or not (held > 0).any() or (held == 0).sum() < 2:
        return []
    name = given.spelled.get("log_var", given.spelled.get("log_std", "log_var"))
    return [f"{name} is never negative and often 0, as after a ReLU: σ can't fall below 1 then"]


def plausibility(given: Given, agreed: list[str]) -> list[str]:
    """Notes on what can hardly be, where nothing exact was found, as of loss and kl alone."""
    kl, loss, notes = given.kl, given.loss if given.bound is None else -given.bound, []
    both = {name: given.arrays[name] for name in ("loss", "bound") if name in given.arrays}
    if (
        len(both) == 2
        and both["loss"].shape == both["bound"].shape
        and not np.allclose(both["loss"], -both["bound"], rtol=1e-5)
    ):
        notes.append("loss and bound are not each other's negatives, which without weights they would be")
    if kl is not None and "kl" not in agreed and (kl < 0).any():
        notes.append(
            "a KL in closed form is never negative, and some entries of yours are: perhaps its sign is "
            "flipped, or it is an estimate from one draw"
        )
    R = given.reconstruction
    if given.likelihood == "bernoulli" and R is not None and "reconstruction" not in agreed and (R < 0).any():
        notes.append(
            "−log p(x|z) of data in [0, 1] is never negative: the sign is that of log p(x|z), or it "
            "isn't a Bernoulli's"
        )
    if (
        kl is None
        or loss is None
        or kl.shape != loss.shape
        or given.penalized
        or {"kl", "loss", "bound"} & set(agreed)
    ):
        return notes
    rest = loss - given.beta * kl  # −log p(x|z) of an example
    if given.likelihood == "bernoulli" and (rest < 0).any():
        why = (
            f"a sign is flipped, beta is not {given.beta:g}, one is a sum and one a mean over the batch, "
            "or it's no Bernoulli"
        )
        return [*notes, f"−log p(x|z) of data in [0, 1] is never negative, yet loss − beta · kl is: {why}"]
    left = f"{rest.mean():.6g} nats for each example"
    return [*notes, f"the loss leaves {left} for −log p(x|z), if loss and kl are both means over examples"]
