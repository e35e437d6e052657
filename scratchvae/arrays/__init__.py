"""Names for arrays, the sum over draws, and the checks that arrays, numbers and names of choices must pass.

Every check raises InputError, so that one room words all complaints about arguments.
"""

from scratchvae.arrays.errors import InputError, Overflowed
from scratchvae.arrays.names import nearest, require_choice
from scratchvae.arrays.numbers import (
    generator_from,
    is_number,
    require_at_least,
    require_bounds,
    require_count,
    require_flag,
    require_number,
    require_positive,
    require_seed,
    require_share,
    sizes_of,
)
from scratchvae.arrays.shapes import (
    Array,
    Pullback,
    require_finite,
    require_shapes,
    require_unit,
    sum_of_draws,
)

__all__ = [
    "Array",
    "InputError",
    "Overflowed",
    "Pullback",
    "generator_from",
    "is_number",
    "nearest",
    "require_at_least",
    "require_bounds",
    "require_choice",
    "require_count",
    "require_finite",
    "require_flag",
    "require_number",
    "require_positive",
    "require_seed",
    "require_shapes",
    "require_share",
    "require_unit",
    "sizes_of",
    "sum_of_draws",
]
