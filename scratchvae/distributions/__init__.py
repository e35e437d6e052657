"""Probability laws: log_prob, entropy, KL and draws, each `value, pullback = f(*arrays, **constants)`.

Log-probabilities are (B,) in nats, summed over the event, every constant included. Draws are functions of
noise that the caller drew. `gaussian_algebra` leads from Gaussians to Gaussians: marginals, conditionals,
affine maps, sums and products. Each file in this folder is a law and is imported here, but for the files whose
names begin with an underscore, which several laws use.
"""

from importlib import import_module
from pkgutil import iter_modules

__all__ = sorted(file.name for file in iter_modules(__path__) if not file.name.startswith("_"))
for law in __all__:
    import_module(f"{__name__}.{law}")
