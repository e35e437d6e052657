"""The variational autoencoder of x given y: labels, or real numbers that are known of each example."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Layer, Mode
from scratchvae.likelihoods import Likelihood
from scratchvae.models.class_inference import ClassInference
from scratchvae.models.conditions import Classes, Condition, Reals
from scratchvae.models.labels import indices_of, indices_where_told, labels_of, told_labels
from scratchvae.models.summary import Row, rows_of
from scratchvae.networks import POSTERIOR, PRIOR
from scratchvae.objectives import Objective, Schedule, SemiSupervised
from scratchvae.posteriors import Posterior
from scratchvae.priors import ConditionalGaussian, Prior
from scratchvae.training import Optimizer


class ConditionalVAE(ClassInference):
    """p(x|z, y) p(z|y) with a recognition model q(z|x, y), trained by a lower bound on log p(x|y).

        log p(x|y) = log ∫ p(x|z, y) p(z|y) dz  ≥  E_q[log p(x|z, y)] − KL(q(z|x, y) ‖ p(z|y))

    The parameters say what y is. With `classes` = K it is a whole number from 0 to K − 1. With
    `condition_dim` = C it is C real numbers. With neither of them it is a label of any kind. `fit` numbers
    the labels, and keeps them as `classes_` (K,) and their shares among the examples as `class_prior_`. With
    these the model can do without y: `score_samples(x)` estimates log p(x) = log Σ_y p(y) p(x|y), and
    `transform(x)` averages E[z|x, y] over p(y|x) ∝ p(y) p(x|y). Both estimate p(x|y) with `samples`
    importance-weighted draws for each example and class, 100 by default. The other parameters are those of a
    VAE.

    With a `classifier`, the widths of its hidden layers, the model is semi-supervised. It is called M2, and
    has q(y|x) too. `fit` then takes examples whose class nobody knows: those whose y is −1, NaN, None, or
    masked. It maximizes objectives.SemiSupervised, a bound on log p(x, y) where the class is known and on
    log p(x) elsewhere. p(y) is `class_prior_`, the shares among the examples that have a class, and equal
    shares where the number of `classes` is given. `predict` and `predict_proba` use the classifier. In a
    model without one they use Bayes' rule, p(y|x) ∝ p(y) p(x|y). A classifier may be a network of one's own,
    which computes K scores of the array that the encoder of a VAE gets.

    A model that is given its networks is given a `condition`, which says what y is and which C numbers c
    stand for it: the one-hot vector of Classes(K), or the numbers themselves of Reals(C). The encoder gets
    [x | c] (B, D + C), and the decoder [z | c] (B·K, Z + C). Convolutions take images, and so c goes around
    them in a Bypass layer. The prior is one p(z) for all y, or a ConditionalGaussian, N(mean(y), diag σ²(y)),
    which is learned with the model. With one class, c is the constant 1, its weights are a second bias, and
    the model is a VAE.

    Sohn, Lee & Yan 2015, section 4, where x is known and y is generated; Kingma, Rezende, Mohamed & Welling
    2014, section 3, for the classifier.
    """

    def __init__(
        self,
        *,
        classes: int | None = None,
        condition_dim: int | None = None,
        latent_dim: int = 20,
        hidden: int | Sequence[int] = (400,),
        activation: str = "relu",
        likelihood: str | Likelihood = "gaussian",
        posterior: str | Posterior = POSTERIOR,
        prior: str | Prior = PRIOR,
        log_var_bounds: tuple[float, float] | None = None,
        standardize: bool | None = None,
        fill: str = "zero",
        init: str = "pytorch",
        beta: float | Schedule = 1.0,
        objective: Objective | None = None,
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float | Schedule = 1e-3,
        optimizer: Optimizer | None = None,
        max_norm: float | None = None,
        drop_last: bool = False,
        binarized: bool = False,
        seed: int = 0,
        event_shape: int | Sequence[int] | None = None,
        encoder: Layer | None = None,
        decoder: Layer | None = None,
        shows_mask: bool = False,
        condition: Condition | None = None,
        classifier: int | Sequence[int] | Layer | None = None,
    ) -> None:
        super().__init__(
            latent_dim=latent_dim,
            hidden=hidden,
            activation=activation,
            likelihood=likelihood,
            posterior=posterior,
            prior=prior,
            log_var_bounds=log_var_bounds,
            standardize=standardize,
            fill=fill,
            init=init,
            beta=beta,
            objective=objective,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            optimizer=optimizer,
            max_norm=max_norm,
            drop_last=drop_last,
            binarized=binarized,
            seed=seed,
            event_shape=event_shape,
            encoder=encoder,
            decoder=decoder,
            shows_mask=shows_mask,
        )
        self.condition, self.classes, self.condition_dim = condition, classes, condition_dim
        self.classifier = classifier

    def _is_ready(self) -> bool:
        classified = self.classifier is None or isinstance(self.classifier, Layer)
        return super()._is_ready() and isinstance(self.condition, Condition) and classified

    def default_objective(self) -> Objective:
        """SemiSupervised with the weight `beta` where there is a classifier, else a VAE's objective."""
        return super().default_objective() if self.classifier is None else SemiSupervised(beta=self.beta)

    def _requires_y(self) -> bool:
        return True

    def _learn_condition(self, y: npt.ArrayLike | None) -> None:
        given = {name: getattr(self, name) for name in ("condition", "classes", "condition_dim")}
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) > 1:
            raise InputError(
                f"ConditionalVAE: one parameter should say what y is; found {' and '.join(given)}"
            )
        if y is None:
            expected = "requires y to be passed, but the target y is None: what is known of each example, such as its class"
            raise InputError(f"ConditionalVAE {expected}")
        for name in ("classes_", "class_prior_"):
            vars(self).pop(name, None)
        if self.condition is not None:
            if not isinstance(self.condition, Condition):
                expected = "condition should be a Condition, such as Classes(3)"
                raise InputError(f"ConditionalVAE: {expected}; found {self.condition!r:.80}")
            self._condition = self.condition
        elif self.classes is not None:
            self._condition = Classes(self.classes)
        elif self.condition_dim is not None:
            self._condition = Reals(self.condition_dim)
        else:
            told = y if self.classifier is None else told_labels("ConditionalVAE", y)
            self.classes_, counts = labels_of("ConditionalVAE", told)
            self.class_prior_ = counts / counts.sum()
            self._condition = Classes(len(self.classes_), self.class_prior_)
        if self.classifier is not None and not isinstance(self._condition, Classes):
            expected = "a classifier is for a model that is told classes"
            raise InputError(f"ConditionalVAE: {expected}; found one for {self._condition.words}")

    def _known(self, y: npt.ArrayLike | None, x: Any) -> npt.ArrayLike | None:
        """y as whole numbers where `fit` has numbered labels, and −1 where a label is hidden.

        The labels of a Dataset are numbered too.
        """
        learned = vars(self).get("classes_")
        y = x.y if y is None and isinstance(x, Dataset) and learned is not None else y
        if y is not None and self.classifier is not None:
            return indices_where_told("ConditionalVAE", y, learned)
        return y if y is None or learned is None else indices_of("ConditionalVAE", y, learned)

    def seen(self, batch: Batch) -> Array:
        """[x | c], where x is the array that a VAE's encoder gets."""
        x = super().seen(batch)
        return np.concatenate([x, self._numbers(batch, x.dtype)], axis=1)

    def told(self, z: Array, batch: Batch, *, draws: int = 1) -> Array:
        """[z | c], with the same c for all draws of an example."""
        return np.concatenate([z, np.repeat(self._numbers(batch, z.dtype), draws, axis=0)], axis=1)

    def prior_given(self, batch: Batch, *, mode: Mode = EVALUATION) -> Prior:
        """p(z|y) where the prior is a ConditionalGaussian, else p(z)."""
        if not isinstance(self.prior, ConditionalGaussian):
            return self.prior
        return self.prior.given(self._numbers(batch, batch.x.dtype), mode=mode)

    def _numbers(self, batch: Batch, dtype: np.dtype) -> Array:
        assert self.condition is not None
        if batch.y is None:
            raise InputError(f"ConditionalVAE: y should be {self.condition.words}; found none")
        if self.classifier is not None and (hidden := int((batch.y == -1).sum())):
            expected = "the class of every example should be known here"
            helps = "SemiSupervised sums over classes, and so do score_samples and transform without any y"
            raise InputError(f"ConditionalVAE: {expected}; found {hidden} of {len(batch)} hidden: {helps}")
        return self.condition.numbers(self.condition.read("ConditionalVAE", batch.y, len(batch)), dtype)

    def _rows(self) -> Iterator[Row]:
        yield from super()._rows()
        if self.classifier is not None:
            yield from rows_of("classifier", self.classifier, super().seen(self._some_example()))
