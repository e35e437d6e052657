"""What a step's arrays are called, in other people's code too.

Letters: B examples, D entries of an event, Z latents.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import Array

SCALES = ("log_var", "log_std", "std", "var", "raw_std")  # ways to hold σ; raw_std: σ = softplus(raw_std)
# the decoder's own, and which of SCALES each is
X_SCALES = {"x_log_var": "log_var", "x_log_std": "log_std", "x_std": "std"}
DRAWN = ("z", "noise", "logits", "x_mean", *X_SCALES)  # of K draws for each example (B, K, …)
ALIASES: dict[str, tuple[str, ...]] = {  # quantity: other spellings of it
    "x": ("data", "input", "inputs", "target", "targets"),
    "mask": ("padding_mask",),
    "noise": ("eps", "epsilon"),
    "mean": ("mu", "mus", "loc"),
    "log_var": ("logvar", "log_variance", "log_sigma2", "log_sigma_sq", "lnvar"),
    "log_std": ("logstd", "log_sigma", "logsigma", "log_scale"),
    "std": ("sigma", "stddev", "scale"),
    "var": ("variance", "sigma2", "sigma_sq"),
    "raw_std": ("rho", "pre_softplus"),
    "z": ("latent", "latents", "code", "codes", "z_sample"),
    "logits": ("x_logits", "x_logit", "decoder_logits"),
    "x_mean": (
        *("recon_x", "x_hat", "x_rec", "x_recon", "probs", "reconstructed", "output", "decoded"),
        *("recon_batch", "recons", "y_hat"),
    ),
    "x_log_var": ("x_logvar", "decoder_log_var"),
    "x_log_std": ("x_logstd", "x_log_sigma", "decoder_log_std"),
    "x_std": ("x_sigma", "decoder_std"),
    "log_px": ("log_px_z", "logpx_z", "log_p_x_given_z", "log_likelihood", "log_prob"),
    "reconstruction": ("recon", "recon_loss", "reconstruction_loss", "bce", "mse", "nll", "rec", "rec_loss"),
    "kl": ("kld", "kl_loss", "kl_div", "kl_divergence"),
    "loss": ("neg_elbo", "negative_elbo", "nelbo", "elbo_loss", "total_loss", "objective"),
    "bound": ("elbo", "lower_bound", "iw_bound"),
    "log_pz": ("logpz",),
    "log_q": ("log_qz", "log_qz_x", "logqz", "logqz_x"),
    "log_w": ("log_weights", "log_weight", "log_iw"),
}
LATENT = ("mean", *SCALES, "z", "noise")  # whose spellings may have a z or q before or behind them
# own: any other, whose −log p(x|z) is taken as it is
LIKELIHOODS = ("bernoulli", "gaussian", "laplace", "own")
ORDER = (  # in which a step makes them
    *("x", "noise", "z", "reconstruction", "log_px", "kl", "log_pz", "log_q", "log_w", "loss", "bound"),
    *("d_logits", "d_x_mean", *(f"d_{scale}" for scale in X_SCALES)),
    *("d_z", "d_mean", *(f"d_{scale}" for scale in SCALES), "d_log_w"),
)

KEPT = 12  # results of pieces
# which quantity each is the loss's gradient by
GRADIENTS = {f"d_{name}": name for name in (*ALIASES, *X_SCALES)}


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
    capacity: float | None = None
    constants: bool = True
    evaluation: bool = False
    # of an own likelihood: its −log p(x|z) by entry, where that is known
    law: Callable[["Given"], Any] | None = None
    # quantity: the size of what was taken from it, whose rounding it has
    beside: Mapping[str, Any] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)  # canonical name: as it was handed over
    _computed: dict[Callable[["Given"], Any], Any] = field(default_factory=dict, init=False, repr=False)

    def __getattr__(self, name: str) -> Array | None:
        if name in ALIASES or name in ORDER:
            return self.arrays.get(name)
        raise AttributeError(name)

    def computed(self, piece: Callable[["Given"], Any]) -> Any:
        """What a piece makes of this step.

        The last few are kept: most readings change one piece of a step alone.
        """
        found = self._computed.pop(piece) if piece in self._computed else piece(self)
        if len(self._computed) >= KEPT:
            del self._computed[next(iter(self._computed))]
        self._computed[piece] = found
        return found

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """What the step was computed in, as far as NumPy has it."""
        return np.float32 if self.eps > 1e-12 else np.float64

    @property
    def scale(self) -> str | None:
        """The name under which σ was handed over."""
        return next((name for name in SCALES if name in self.arrays), None)

    @property
    def x_scale(self) -> str | None:
        """The name under which the decoder's own σ was handed over."""
        return next((name for name in X_SCALES if name in self.arrays), None)

    @property
    def penalized(self) -> bool:
        """Whether the loss makes something else of the KL than to add it."""
        return bool(self.free_bits) or self.capacity is not None

    @property
    def weighted(self) -> bool:
        """Whether the loss is of importance weights, not of a reconstruction and a KL."""
        return self.log_w is not None or self.log_pz is not None

    @property
    def K(self) -> int | None:
        """Draws for each example, where z, noise, log-weights or parts of these of them were handed over."""
        drawn = next((a for a in (self.noise, self.z) if a is not None and a.ndim == 3), None)
        mean = self.mean
        if drawn is not None and mean is not None and mean.ndim == 2 and drawn.shape[::2] == mean.shape:
            return int(drawn.shape[1])
        return self.size("log_w", "log_pz", "log_q", axis=1)

    def size(self, *names: str, axis: int) -> int | None:
        """The length of an axis, from the first of `names` that has it; −1: the last of several."""
        least = axis if axis >= 0 else 1
        return next(
            (self.arrays[n].shape[axis] for n in names if n in self.arrays and self.arrays[n].ndim > least),
            None,
        )

    @property
    def B(self) -> int | None:
        """Examples."""
        others = (
            "kl",
            "reconstruction",
            "log_px",
            "log_w",
            "log_pz",
            *(f"d_{name}" for name in ("mean", "z", "logits", "x_mean")),
        )
        return self.size("x", "mean", "z", "noise", *SCALES, "logits", "x_mean", *others, axis=0)

    @property
    def D(self) -> int | None:
        """Entries of an event."""
        outputs = ("logits", "x_mean", *X_SCALES)
        return self.size("x", "mask", *outputs, *(f"d_{name}" for name in outputs), axis=-1)

    @property
    def Z(self) -> int | None:
        """Latents."""
        return self.size(
            "mean", "z", *SCALES, "noise", "d_mean", "d_z", *(f"d_{scale}" for scale in SCALES), axis=-1
        )


def canonical(name: str, names: Mapping[str, str]) -> str | None:
    """The quantity that `name` stands for: by `names`, as a key of ALIASES or a spelling, or as "d_…".

    Of what belongs to the posterior z_, q_, _z and _q are dropped: q_mu and mu_z are a mean.
    """
    if name in names:
        return canonical(str(names[name]), {})
    plain = name.strip().lower().replace(".", "_")
    found = _quantity(plain)
    if found:
        return found
    for short in (
        plain.removeprefix("z_"),
        plain.removeprefix("q_"),
        plain.removesuffix("_z"),
        plain.removesuffix("_q"),
    ):
        if _quantity(short) in LATENT:
            return _quantity(short)
    for start, end in (("d_", ""), ("grad_", ""), ("dl_d_", ""), ("dl_d", ""), ("", "_grad"), ("d", "")):
        if plain.startswith(start) and plain.endswith(end):
            inner = (
                canonical(plain[len(start) : len(plain) - len(end)], {})
                if len(plain) > len(start) + len(end)
                else None
            )
            if inner and not inner.startswith("d_"):
                return f"d_{inner}"
    return None


def _quantity(plain: str) -> str | None:
    return next(
        (quantity for quantity, spellings in ALIASES.items() if plain == quantity or plain in spellings), None
    )
