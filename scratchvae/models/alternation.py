"""How a Helmholtz machine is trained: the phases of an algorithm, each of which moves one half of the
machine.
"""

from collections.abc import Callable, Mapping, Sequence

from scratchvae.objectives import Objective, ReweightedRecognition, ReweightedWake, Sleep, Wake

# how the names of each half's Parameters begin
GENERATIVE, RECOGNITION = ("top", "generation"), ("recognition",)
ALGORITHMS: Mapping[str, Callable[[int], Sequence[tuple[Objective, tuple[str, ...]]]]] = {
    # name: for so many draws an example, each phase's objective and the half that it moves
    "wake_sleep": lambda samples: ((Wake(), GENERATIVE), (Sleep(), RECOGNITION)),
    "reweighted_wake_sleep": lambda samples: (
        (ReweightedWake(samples), GENERATIVE),
        (ReweightedRecognition(samples), RECOGNITION),
        (Sleep(), RECOGNITION),
    ),
}
