"""What came of comparing a quantity, the line that shows it, and the finding that says why."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.spelling import FORMULA, Z


class Outcome(Enum):
    """What came of comparing a quantity; the value is how its words begin."""

    AGREES = "agrees"
    DEPARTS = "DEPARTS"
    FOLLOWS = "follows from"
    TAKEN = "taken as given"
    UNCHECKED = "not checked"
    UNPROVEN = "unproven"


@dataclass(frozen=True)
class Verdict:
    """An outcome, the mistakes that explain it, and where there are none, what else is said.

    `because` names the quantities whose departures this one follows from.
    """

    outcome: Outcome
    causes: tuple[str, ...] = ()
    why: str = ""
    because: tuple[str, ...] = ()

    @property
    def checked(self) -> bool:
        """Whether the quantity was compared, to an end."""
        return self.outcome in {Outcome.AGREES, Outcome.DEPARTS, Outcome.FOLLOWS}

    @property
    def explained(self) -> bool:
        """Whether it is known why the quantity is what it is."""
        return self.outcome in {Outcome.AGREES, Outcome.FOLLOWS} or (
            self.outcome is Outcome.DEPARTS and bool(self.causes)
        )

    @property
    def name(self) -> str:
        """What the last column of a table says: the mistakes by name, or how the quantity differs."""
        return " or ".join(self.causes) or self.why.removeprefix(": ").removeprefix(", ")

    def __str__(self) -> str:
        named = " or ".join(self.causes)
        if self.outcome is Outcome.FOLLOWS:
            return f"{self.outcome.value} {named}"
        return f"{self.outcome.value}: {named}" if named else f"{self.outcome.value}{self.why}"


@dataclass(frozen=True)
class Line:
    """One quantity beside what it should be."""

    quantity: str
    found: Verdict
    theirs: Array
    reference: Array | None = None

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return str(self.found)

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table: quantity, yours, reference, ratio, largest difference, mistake."""
        name = self.found.outcome.value if self.found.outcome is Outcome.UNPROVEN else self.found.name
        return self.quantity, _shown(self.theirs), _shown(self.reference), *self._apart(), name

    def _apart(self) -> tuple[str, str]:
        """The ratio, where it is one number for all entries, and the largest difference with its entry."""
        if self.reference is None or self.theirs.shape != self.reference.shape:
            return "", ""
        with np.errstate(all="ignore"):
            ratios = np.where(self.reference == self.theirs, 1.0, self.theirs / self.reference)
            apart = np.abs(self.theirs - self.reference)
        known = ratios[(self.reference != 0) & np.isfinite(ratios)]
        alike = known.size and np.ptp(known) <= 1e-3 * abs(known.flat[0])
        ratio = f"{np.median(known):.6g}" if alike else ""
        if not apart.size or not np.isfinite(apart).any():
            return ratio, ""
        largest = np.unravel_index(np.nanargmax(np.where(np.isfinite(apart), apart, -1)), apart.shape)
        where = f" at [{', '.join(str(int(i)) for i in largest)}]" if apart.ndim else ""
        return ratio, f"{apart[largest]:.3g}{where}"


@dataclass(frozen=True)
class Finding:
    """A quantity that departs, and the mistakes that give exactly what was found.

    There are none where the cause has no name.

    `said` is False where nothing is known of why: then the explanation says where and how it departs.
    """

    quantity: str
    causes: tuple[str, ...]
    explanation: str
    said: bool = True

    @property
    def what(self) -> str:
        """What is wrong, without the fix."""
        for joint, words in JOINTS.items():
            if self.said and joint in self.explanation:
                return words
        return self.explanation.partition(": ")[0] if self.said else self.explanation.partition("; ")[0]

    @property
    def fixes(self) -> list[str]:
        """What helps, in lines; of several mistakes each with its own fix."""
        for joint in JOINTS:
            if self.said and joint in self.explanation:
                return self.explanation.split(joint)
        left = self.explanation.partition(": " if self.said else "; ")[2]
        left = left or f"write it as {FORMULAS.get(self.quantity, 'the reference has it')}"
        return [left] if self.said else left.split("; ")


EITHER, BOTH = "; or ", "; and "  # between the sentences on several mistakes
JOINTS = {
    EITHER: "it is one of these, which give the same numbers here",
    BOTH: "two mistakes are in it",
}
FORMULAS = {
    "z": Z,
    "reconstruction": "−log p(x|z), summed over the entries of an example",
    "log_px": "log p(x|z), summed over the entries of an example",
    "kl": f"{FORMULA}, summed over the latents",
    "loss": "−log p(x|z) + β KL, averaged or summed over the batch",
    "bound": "log p(x|z) − β KL, averaged or summed over the batch",
    "log_w": "log p(x|z) + log p(z) − log q(z|x)",
}


def _shown(array: Array | None) -> str:
    """A number itself; of an array the mean of its absolute values."""
    if array is None:
        return ""
    return (
        f"{float(array):.7g}" if array.ndim == 0 else f"|.| {np.abs(array).mean() if array.size else 0:.5g}"
    )
