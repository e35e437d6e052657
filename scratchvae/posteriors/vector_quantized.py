"""q(z|x) puts all its mass on one code of a finite codebook: the posterior of the VQ-VAE."""

import numpy as np

from scratchvae import kernels, ops
from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_count,
    require_flag,
    require_shapes,
    require_share,
    sum_of_draws,
)
from scratchvae.layers import EVALUATION, Buffer, Mode, Parameter
from scratchvae.posteriors.interface import Choices, Noise


class VectorQuantized(Choices):
    """z = the codes nearest to z_e = q_params, one for each of G = `groups` groups of latents.

    Each group has d = latent_dim/G latents, and a codebook holds K = `codes` vectors of d numbers. All groups
    share one codebook, or with shared=False each has its own. Codes start as draws from N(0, 1).

    No gradient passes through the choice of a code: the pullback of `sample` passes dz on to the encoder
    unchanged (straight through), and gives the codebook nothing. So it is the derivative of the surrogate
    z_e + (e − z_e)⁰, whose second part is constant. The codebook learns in one of these ways:

    - decay=None: the codes are a Parameter, and their gradient is that of the penalty
    `objectives.Quantization`.
    - `decay` γ in [0, 1), such as 0.99: the codes are a Buffer, and each pass in training mode moves code k
    to the average of the vectors that chose it, N_k ← γ N_k + (1 − γ) n_k and e_k ← e_k + (1 − γ) (Σ
    z_e − n_k e_k)/N_k, N_k = 0 at first. It is e = m/N of van den Oord et al., who keep m_k = N_k e_k. A code
    that is not chosen stays where it is, and a code that is chosen for the first time moves to the mean of
    the vectors that chose it.
    - `revive` R > 0, together with decay: a code that R training passes in a row have not chosen moves onto
    the z_e of an example of the batch. The noise says which example.

    q(z|x) is a probability of codes: log q is 0 at the code of x and −∞ at all others. With a prior over the
    same codes (priors.Codes) the bound is log p(x) ≥ log p(x|z) + log p(code).

    van den Oord, Vinyals & Kavukcuoglu 2017, section 3 and appendix A.1; Razavi, van den Oord & Vinyals 2019,
    section 2.1; revival as in Dhariwal et al. 2020, section 3.
    """

    space: str = "codes of a codebook"

    def __init__(
        self,
        latent_dim: int,
        codes: int = 64,
        groups: int = 1,
        *,
        shared: bool = True,
        decay: float | None = None,
        revive: int = 0,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        for name, count, low in (
            ("latent_dim", latent_dim, 1),
            ("codes", codes, 1),
            ("groups", groups, 1),
            ("revive", revive, 0),
        ):
            require_count("VectorQuantized", name, count, low)
        require_flag("VectorQuantized", "shared", shared)
        if latent_dim % groups:
            expected = f"groups should divide the {latent_dim} latents into parts of one size"
            raise InputError(f"VectorQuantized: {expected}; found {groups} groups")
        if decay is not None:
            require_share("VectorQuantized", "decay", decay)
        elif revive:
            expected = "revive moves codes by hand, which an optimizer must not move too: it should come with a decay"
            raise InputError(f"VectorQuantized: {expected}, such as 0.99; found none")
        self.latent_dim, self.n_params = latent_dim, latent_dim
        self.categories, self.groups, self.decay, self.revive = codes, groups, decay, revive
        shape = (1 if shared else groups, codes, latent_dim // groups)
        first = np.random.default_rng(rng).standard_normal(shape).astype(np.float32)
        self.codebooks: Parameter | Buffer = Parameter(first) if decay is None else Buffer(first)
        self._drawn_from: Array | None = None  # what moving averages have moved on from in a training pass
        if decay is not None:
            self.usage = Buffer(np.zeros(shape[:2], np.float32))  # N
        if revive:
            # training passes since a code was last chosen
            self.unchosen = Buffer(np.zeros(shape[:2], np.float32))

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """Uniform numbers (rows, G), by whose order codes are revived on examples, or (rows, 0)."""
        return rng.random((rows, self.groups if self.revive else 0), dtype=np.float32)

    def indices(self, q_params: Array, *, mode: Mode = EVALUATION) -> Array:
        """The nearest code of each group, (B, G) whole numbers from 0, and the first of equally near ones.

        In training mode the codes are those of the latest draws, because averages move on after a draw.
        """
        require_shapes("VectorQuantized", q_params=(q_params, f"B {self.n_params}"))
        return kernels.nearest_codes(
            self._by_group(q_params), self._books(mode).astype(q_params.dtype, copy=False)
        )

    def code_of(self, indices: Array) -> Array:
        """The vectors of these choices, side by side."""
        return self.vectors(indices)[0].astype(np.float32, copy=False)

    def vectors(self, indices: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """z (B, Z), the codes of these indices (B, G), as `indices` takes them in that mode.

        pullback(dz) gives a learned codebook its gradient.
        """
        books = self._books(mode)
        S, K, d = books.shape
        rows = indices if S == 1 else indices + K * np.arange(self.groups)
        codes, codes_pullback = ops.embedding(books.reshape(S * K, d), indices=rows)

        def pullback(dz: Array) -> None:
            if isinstance(self.codebooks, Parameter):
                # dcode_k = Σ dz over all places where code k stands
                dcodes = codes_pullback(self._by_group(dz))
                self.codebooks.receive(dcodes.reshape(S, K, d))

        return codes.reshape(len(indices), self.latent_dim), pullback

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """The nearest codes, `draws` times. In training mode moving averages then take one step."""
        require_count("VectorQuantized.sample", "draws", draws)
        indices = self.indices(q_params)
        z, _ = self.vectors(indices)
        z = z.astype(q_params.dtype, copy=False)
        if mode.training and self.decay is not None:
            self._drawn_from = self.codebooks.value
            self._move(self._by_group(q_params), indices, noise[::draws])

        def pullback(dz: Array) -> Array:
            return sum_of_draws(dz, draws)  # dz_e = Σ_k dz_k: straight through

        return np.repeat(z, draws, axis=0) if draws > 1 else z, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """The nearest codes, and log q = 0, since no other code has any probability."""
        z, z_pullback = self.sample(q_params, noise=noise, draws=draws, mode=mode)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            dq_params: Array = z_pullback(dz)  # log q is constant
            return dq_params

        return (z, np.zeros(len(z), z.dtype)), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """0 where z are the codes of x, and −∞ elsewhere. The gradient is 0."""
        own, _ = self.vectors(self.indices(q_params, mode=mode), mode=mode)
        require_shapes("VectorQuantized.log_prob", z=(z, f"{len(own)} {self.latent_dim}"))
        log_q = np.where((z == own).all(axis=1), 0, -np.inf).astype(z.dtype)

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            return np.zeros_like(q_params), np.zeros_like(z)  # log q is piecewise constant

        return log_q, pullback

    def code(self, q_params: Array) -> Array:
        """The nearest codes, side by side."""
        z, _ = self.vectors(self.indices(q_params))
        return z.astype(q_params.dtype, copy=False)

    def _books(self, mode: Mode) -> Array:
        """The codebooks that the latest draws in that mode were taken from (S, K, d)."""
        if mode.training and self._drawn_from is not None:
            return self._drawn_from
        return self.codebooks.value

    def _by_group(self, z: Array) -> Array:
        return z.reshape(len(z), self.groups, -1)

    def _move(self, z_e: Array, indices: Array, noise: Array) -> None:
        """Take one step of the moving averages, and revive codes where `revive` says so."""
        assert self.decay is not None
        books, dtype = self.codebooks.value.copy(), self.codebooks.value.dtype
        usage, keep = self.usage.value.copy(), dtype.type(self.decay)
        unchosen = self.unchosen.value.copy() if self.revive else None
        for s in range(len(books)):
            own = slice(None) if len(books) == 1 else slice(s, s + 1)  # the groups that this codebook serves
            chosen, vectors = (
                indices[:, own].reshape(-1),
                z_e[:, own].reshape(-1, books.shape[2]).astype(dtype),
            )
            n = np.bincount(chosen, minlength=self.categories).astype(dtype)
            total = np.zeros_like(books[s])
            np.add.at(total, chosen, vectors)
            usage[s] = keep * usage[s] + (1 - keep) * n  # N ← γ N + (1 − γ) n
            moved = n > 0
            step = (1 - keep) * (total - n[:, None] * books[s])[moved]
            books[s][moved] += step / usage[s][moved, None]  # e ← e + (1 − γ) (Σ z_e − n e)/N
            if unchosen is not None:
                unchosen[s] = np.where(moved, 0, unchosen[s] + 1)
                dead = np.flatnonzero(unchosen[s] >= self.revive)[: len(vectors)]
                # examples in the noise's order
                onto = np.argsort(noise[:, own].reshape(-1), kind="stable")[: len(dead)]
                books[s][dead], usage[s][dead], unchosen[s][dead] = vectors[onto], 0, 0
        self.codebooks.value, self.usage.value = books, usage
        if unchosen is not None:
            self.unchosen.value = unchosen
