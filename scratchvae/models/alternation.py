"""The algorithms that train a Helmholtz machine, each as phases that move one half of the machine."""

from collections.abc import Callable, Mapping, Sequence

from scratchvae.objectives import Objective, ReweightedRecognition, ReweightedWake, Sleep, Wake

# The names of each half's Parameters begin with one of these.
GENERATIVE, RECOGNITION = ("top", "generation"), ("recognition",)
ALGORITHMS: Mapping[str, Callable[[int], Sequence[tuple[Objective, tuple[str, ...]]]]] = {
    # The value of a name takes the number of draws for each example, and returns the phases: each one's
    # objective, and the half that it moves.
    "wake_sleep": lambda samples: ((Wake(), GENERATIVE), (Sleep(), RECOGNITION)),
    "reweighted_wake_sleep": lambda samples: (
        (ReweightedWake(samples), GENERATIVE),
        (ReweightedRecognition(samples), RECOGNITION),
        (Sleep(), RECOGNITION),
    ),
}
