"""The posterior of the VQ-VAE, with or without depth: q(z|x) has all its mass on codes of a codebook."""

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
    """z = the codes nearest to z_e = q_params (B, latent_dim), one or `depth` for each of `groups` parts.

    A codebook holds K = `codes` vectors of d = latent_dim/groups numbers. All choices share one codebook, or
    with shared=False each choice has its own. Codes start as draws from N(0, 1).

    With `depth` T above 1 the codes of a part of z_e are chosen one after the other, and each is the nearest
    to what the earlier ones leave over:

        r_0 = z_e,   e_t = the code nearest to r_(t−1),   r_t = r_(t−1) − e_t      for t = 1 … T.

    z (B, T·latent_dim) holds all these codes side by side. The decoder should begin with layers.GroupSum,
    which adds up the codes of a part; the recipes put it there. With T searches among K codes a part reaches
    K^T different sums. The attribute `groups` of the posterior is the number of its choices, T for each part,
    and its attribute `latent_dim` is the number of entries of z.

    No gradient passes through a choice. The pullback of `sample` takes the first code of a part for
    e_1 + z_e − sg(z_e), where sg stops gradients, and each later code for a constant. This is the
    straight-through estimator: the encoder gets the dz of each first code, and the codebook gets nothing. If
    every depth had such a step, the encoder would get T times the gradient of the sum. There are two ways in
    which the codebook learns:

    - decay=None: the codes are a Parameter, and their gradient is that of the penalty
      `objectives.Quantization`.
    - `decay` γ in [0, 1), such as 0.99: the codes are a Buffer. Each pass in training mode moves code k
      towards the mean of the n_k vectors r that chose it, by N_k ← γ N_k + (1 − γ) n_k and then
      e_k ← e_k + (1 − γ) (Σ r − n_k e_k)/N_k. N_k is 0 at first. van den Oord et al. keep m_k = N_k e_k and
      have the same e_k = m_k/N_k. A code that no vector chose stays where it is, and a code that is chosen
      for the first time moves to the mean of the vectors that chose it.
    - `revive` R > 0, together with decay: a code that R training passes in a row have not chosen moves onto
      the r of an example of the batch. The noise says which example.

    q(z|x) is a probability of codes, and not a density: log q is 0 at the codes of x and −∞ at all others.
    With a prior over the same codes (priors.Codes) the bound is log p(x) ≥ log p(x|z) + log p(codes).

    van den Oord, Vinyals & Kavukcuoglu 2017, section 3 and appendix A.1; Razavi, van den Oord & Vinyals 2019,
    section 2.1; revival as in Dhariwal et al. 2020, section 3. Depth: Lee, Kim, Kim, Cho & Han 2022, section
    3.1, whose codebook is shared; Zeghidour et al. 2021, section III.C, where each depth has its own.
    """

    space: str = "codes of a codebook"
    one_code: bool = True

    def __init__(
        self,
        latent_dim: int,
        codes: int = 64,
        groups: int = 1,
        *,
        shared: bool = True,
        depth: int = 1,
        decay: float | None = None,
        revive: int = 0,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        for name, count, low in (
            ("latent_dim", latent_dim, 1),
            ("codes", codes, 1),
            ("groups", groups, 1),
            ("depth", depth, 1),
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
            expected = (
                "revive moves codes by hand, which an optimizer must not move too: it should come with a "
                "decay"
            )
            raise InputError(f"VectorQuantized: {expected}, such as 0.99; found none")
        self.latent_dim, self.n_params = depth * latent_dim, latent_dim
        self.categories, self.groups, self.depth = codes, depth * groups, depth
        self.decay, self.revive = decay, revive
        shape = (1 if shared else self.groups, codes, latent_dim // groups)
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
        """The code of each choice, (B, G) whole numbers from 0; of equally near codes it is the first.

        In training mode the codes are those from which the latest draws were taken. Moving averages have
        moved the codebook since then.
        """
        return self.quantized(q_params, mode=mode)[0]

    def quantized(self, q_params: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Array]:
        """The code of each choice (B, G), and the vector r (B, G, d) to which it is the nearest code."""
        require_shapes("VectorQuantized", q_params=(q_params, f"B {self.n_params}"))
        books = self._books(mode).astype(q_params.dtype, copy=False)
        left = q_params.reshape(len(q_params), self.groups // self.depth, -1)
        indices = np.empty((*left.shape[:2], self.depth), np.int64)
        vectors = np.empty((*indices.shape, left.shape[2]), left.dtype)
        for t in range(self.depth):
            own = books if len(books) == 1 else np.ascontiguousarray(books[t :: self.depth])
            vectors[:, :, t] = left
            indices[:, :, t] = kernels.nearest_codes(left, own)
            if t + 1 < self.depth:
                left = left - own[np.arange(len(own)), indices[:, :, t]]  # r_t = r_(t−1) − e_t
        B, d = len(q_params), left.shape[2]
        return indices.reshape(B, self.groups), vectors.reshape(B, self.groups, d)

    def indices_of(self, z: Array, *, mode: Mode = EVALUATION) -> Array:
        """The code of each choice (B, G) of codes z (B, Z): the nearest one to the choice's own d numbers."""
        return kernels.nearest_codes(self._by_group(z), self._books(mode).astype(z.dtype, copy=False))

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
        indices, vectors = self.quantized(q_params)
        z, _ = self.vectors(indices)
        z = z.astype(q_params.dtype, copy=False)
        if self.decay is not None:
            self._drawn_from = self.codebooks.value if mode.training else None
        if mode.training and self.decay is not None:
            self._move(vectors, indices, noise[::draws])

        def pullback(dz: Array) -> Array:
            by_choice = self._by_group(sum_of_draws(dz, draws))
            return by_choice[:, :: self.depth].reshape(q_params.shape)  # dz_e = Σ_k de_1k: straight through

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

    def _move(self, r: Array, indices: Array, noise: Array) -> None:
        """Take one step of the moving averages, and revive codes where `revive` says so."""
        assert self.decay is not None
        books, dtype = self.codebooks.value.copy(), self.codebooks.value.dtype
        usage, keep = self.usage.value.copy(), dtype.type(self.decay)
        unchosen = self.unchosen.value.copy() if self.revive else None
        for s in range(len(books)):
            own = slice(None) if len(books) == 1 else slice(s, s + 1)  # the choices that this codebook serves
            chosen, vectors = (
                indices[:, own].reshape(-1),
                r[:, own].reshape(-1, books.shape[2]).astype(dtype),
            )
            n = np.bincount(chosen, minlength=self.categories).astype(dtype)
            _, sum_by_code = ops.embedding(books[s], indices=chosen)
            total = sum_by_code(vectors)  # Σ r
            usage[s] = keep * usage[s] + (1 - keep) * n  # N ← γ N + (1 − γ) n
            moved = n > 0
            step = (1 - keep) * (total - n[:, None] * books[s])[moved]
            books[s][moved] += step / usage[s][moved, None]  # e ← e + (1 − γ) (Σ r − n e)/N
            if unchosen is not None:
                unchosen[s] = np.where(moved, 0, unchosen[s] + 1)
                dead = np.flatnonzero(unchosen[s] >= self.revive)[: len(vectors)]
                # examples in the noise's order
                onto = np.argsort(noise[:, own].reshape(-1), kind="stable")[: len(dead)]
                books[s][dead], usage[s][dead], unchosen[s][dead] = vectors[onto], 0, 0
        self.codebooks.value, self.usage.value = books, usage
        if unchosen is not None:
            self.unchosen.value = unchosen
