"""What a step's arrays are called, in other people's code too, and how they are read: flat float64 arrays and their precision.

Letters: B examples, D entries of an event, Z latents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_at_least, require_choice, require_finite

SCALES = ("log_var", "log_std", "std", "var", "raw_std")  # ways to hold σ; raw_std: σ = softplus(raw_std)
ALIASES: dict[str, tuple[str, ...]] = {  # quantity: other spellings of it
    "x": ("data", "inputs", "target", "targets"),
    "mask": ("padding_mask",),
    "noise": ("eps", "epsilon"),
    "mean": ("mu", "z_mean", "mus", "loc", "q_mean"),
    "log_var": ("logvar", "log_variance", "log_sigma2", "log_sigma_sq", "z_log_var", "lnvar"),
    "log_std": ("logstd", "log_sigma", "logsigma", "log_scale"),
    "std": ("sigma", "stddev", "scale", "z_std"),
    "var": ("variance", "sigma2", "sigma_sq"),
    "raw_std": ("rho", "pre_softplus"),
    "z": ("latent", "latents", "code", "codes"),
    "logits": ("x_logits", "decoder_logits"),
    "x_mean": ("recon_x", "x_hat", "x_recon", "probs", "reconstructed", "output", "decoded"),
    "x_log_var": ("x_logvar", "decoder_log_var"),
    "log_px": ("log_px_z", "log_likelihood", "log_prob"),
    "reconstruction": ("recon", "recon_loss", "reconstruction_loss", "bce", "nll", "rec", "rec_loss"),
    "kl": ("kld", "kl_loss", "kl_div", "kl_divergence"),
    "loss": ("neg_elbo", "negative_elbo", "total_loss", "objective"),
    "bound": ("elbo", "lower_bound"),
    "log_pz": (),
    "log_q": ("log_qz", "log_qz_x"),
    "log_w": ("log_weights", "log_weight"),
}
LIKELIHOODS = ("bernoulli", "gaussian", "laplace")
ORDER = (  # in which a step makes them
    *("x", "noise", "z", "reconstruction", "log_px", "kl", "log_w", "loss", "bound"),
    *("d_logits", "d_x_mean", "d_x_log_var", "d_z", "d_mean", *(f"d_{scale}" for scale in SCALES), "d_log_w"),
)
MOST_ENTRIES = 1 << 28  # of one array


@dataclass
class Given:
    """One step of somebody's code: what was handed over, by canonical name, and what it was meant to be."""

    arrays: dict[str, Array]
    eps: float  # the unit roundoff of the coarsest dtype among them
    likelihood: str
    variance: float = 1.0
    beta: float = 1.0
    reduction: str = "mean"
    free_bits: float = 0.0
    constants: bool = True
    evaluation: bool = False
    spelled: dict[str, str] = field(default_factory=dict)  # canonical name: as it was handed over

    def __getattr__(self, name: str) -> Array | None:
        if name in ALIASES or name in ORDER:
            return self.arrays.get(name)
        raise AttributeError(name)

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """What the step was computed in, as far as NumPy has it."""
        return np.float32 if self.eps > 1e-12 else np.float64

    @property
    def scale(self) -> str | None:
        """The name under which σ was handed over."""
        return next((name for name in SCALES if name in self.arrays), None)

    def size(self, *names: str, axis: int) -> int | None:
        """The length of an axis, from the first of `names` that has it."""
        return next((self.arrays[n].shape[axis] for n in names if n in self.arrays and self.arrays[n].ndim > axis), None)

    @property
    def B(self) -> int | None:
        """Examples."""
        return self.size("x", "mean", "z", "noise", "logits", "x_mean", "kl", "reconstruction", "log_px", axis=0)

    @property
    def D(self) -> int | None:
        """Entries of an event."""
        return self.size("x", "logits", "x_mean", axis=1)

    @property
    def Z(self) -> int | None:
        """Latents."""
        return self.size("mean", "z", *SCALES, "noise", axis=1)


def check_names(names: Mapping[str, str]) -> None:
    """InputError where `names` leads to no quantity."""
    for theirs, ours in names.items():
        if ours.removeprefix("d_") not in ALIASES:
            raise InputError(
                f"diagnose: {theirs!r} is said to be {ours!r}, which is no quantity; there are {', '.join(ALIASES)}, d_…"
            )


def canonical(name: str, names: Mapping[str, str]) -> str | None:
    """The quantity that `name` stands for: by `names`, or as a key of ALIASES or one of its spellings; "d_…" for a gradient."""
    if name in names:
        return names[name]
    plain = name.strip().lower().replace(".", "_")
    for quantity, spellings in ALIASES.items():
        if plain == quantity or plain in spellings:
            return quantity
    for start, end in (("d_", ""), ("grad_", ""), ("", "_grad"), ("d", "")):
        if plain.startswith(start) and plain.endswith(end):
            inner = canonical(plain[len(start) : len(plain) - len(end)], {}) if len(plain) > len(start) + len(end) else None
            if inner and not inner.startswith("d_"):
                return f"d_{inner}"
    return None


def read(theirs: Mapping[str, Any], *, names: Mapping[str, str], **settings: Any) -> Given:
    """The mapping as a Given; InputError for names, shapes or values that can't be what they say."""
    require_choice("diagnose", "likelihood", settings["likelihood"], LIKELIHOODS)
    require_choice("diagnose", "reduction", settings["reduction"], ("mean", "sum"))
    require_at_least("diagnose", "beta", settings["beta"], 0)
    require_at_least("diagnose", "free_bits", settings["free_bits"], 0)
    if not settings["variance"] > 0:
        raise InputError(f"diagnose: variance should be positive, found {settings['variance']}")
    check_names(names)
    arrays: dict[str, Array] = {}
    spelled: dict[str, str] = {}
    roundoffs = []
    for name, value in theirs.items():
        quantity = canonical(name, names)
        if quantity is None:
            known = ", ".join([*ALIASES, "and d_… for gradients"])
            raise InputError(f"diagnose: {name!r} is no quantity known by that name; give names={{{name!r}: …}}, one of {known}")
        if quantity in arrays:
            raise InputError(f"diagnose: {name!r} and {spelled[quantity]!r} both stand for {quantity}; give one of them")
        array, roundoff = _array(name, value)
        arrays[quantity], spelled[quantity] = array, name
        roundoffs += [roundoff] if roundoff else []
    given = Given(arrays, _coarsest(arrays, roundoffs), spelled=spelled, **settings)
    if len([name for name in SCALES if name in arrays]) > 1:
        raise InputError(
            f"diagnose: of {', '.join(n for n in SCALES if n in arrays)} give one, which is what the encoder puts out"
        )
    _require_agreement(given)
    return given


def _array(name: str, value: Any) -> tuple[Array, float | None]:
    """Flat per example, float64; and the unit roundoff of its dtype, None for Python's own numbers and for whole numbers."""
    if hasattr(value, "detach"):  # a torch tensor
        value = value.detach().cpu()
        roundoff = {"torch.bfloat16": 2.0**-8, "torch.float16": 2.0**-11}.get(str(value.dtype))
        array = np.asarray(value.float() if roundoff else value)
    else:
        array, roundoff = np.asarray(value), None
    if array.dtype.name == "bfloat16":
        array, roundoff = array.astype(np.float32), 2.0**-8
    if array.dtype.kind not in "fiub":
        raise InputError(f"diagnose: {name} should be an array of real numbers, found {array.dtype}")
    if array.size > MOST_ENTRIES:
        raise InputError(f"diagnose: {name} should have at most {MOST_ENTRIES:,} entries, found {array.size:,}")
    if array.dtype.kind == "f" and not isinstance(value, float | int) and roundoff is None:
        roundoff = float(np.finfo(array.dtype).eps) / 2
    wide = array.astype(np.float64)
    require_finite("diagnose", name, wide)
    return (wide.reshape(len(wide), -1) if wide.ndim > 2 else wide), roundoff


def _coarsest(arrays: Mapping[str, Array], roundoffs: list[float]) -> float:
    """Of the arrays' dtypes; where all are Python's numbers, float32's if float32 holds every one of them."""
    if roundoffs:
        return max(roundoffs)
    single = all(np.array_equal(a, a.astype(np.float32)) for a in arrays.values())
    return float(np.finfo(np.float32 if single else np.float64).eps) / 2


def _require_agreement(given: Given) -> None:
    sizes = {"B": given.B, "D": given.D, "Z": given.Z}
    shapes = {
        **dict.fromkeys(("x", "mask", "logits", "x_mean", "x_log_var", "d_logits", "d_x_mean", "d_x_log_var"), ("B", "D")),
        **dict.fromkeys(("noise", "mean", "z", "d_z", "d_mean", *SCALES, *(f"d_{s}" for s in SCALES)), ("B", "Z")),
    }
    for name, letters in shapes.items():
        array = given.arrays.get(name)
        if array is None:
            continue
        if name == "noise" and array.ndim == 1:
            array = given.arrays["noise"] = np.broadcast_to(array, (sizes["B"] or 1, len(array)))
        if name == "noise" and array.shape[0] == 1 and given.B:
            array = given.arrays["noise"] = np.broadcast_to(array, (given.B, array.shape[1]))
        expected = tuple(sizes[letter] for letter in letters)
        if array.shape != expected:
            words = f"({', '.join(letters)}) = {expected}"
            raise InputError(f"diagnose: {given.spelled[name]} should have shape {words}, found {array.shape}")
