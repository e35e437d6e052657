"""The temperature of relaxed draws: a number above 0, or a function of the step."""

from collections.abc import Callable
from typing import Any

from scratchvae.arrays import require_positive
from scratchvae.layers import Mode


def require_temperature(where: str, temperature: Any) -> None:
    """Raise InputError for a number that is not above 0."""
    if not callable(temperature):
        require_positive(where, "temperature", temperature)


def temperature_in(where: str, mode: Mode, temperature: float | Callable[[float], float]) -> float:
    """The temperature at the mode's step, where evaluation counts as after all steps.

    InputError for a temperature that is not above 0.
    """
    now = temperature(mode.step) if callable(temperature) else temperature
    require_positive(where, "temperature", now)
    return now
