"""The class of an example, inferred by a classifier, or by Bayes' rule from a density for each class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Mode, dtype_of
from scratchvae.models.conditions import Classes
from scratchvae.models.estimator import AT_ONCE
from scratchvae.models.vae import VAE


class ClassInference(VAE):
    """The verbs predict and predict_proba of a model that is told classes.

    Where it can infer the class of an example, its other verbs do without y.
    """

    def _cases(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None, *, noisy: bool = False
    ) -> list[tuple[Dataset, float]]:
        """The examples with their y, or with each class in turn and its log p(y) where y is hidden."""
        hidden = y is None and not (isinstance(x, Dataset) and x.y is not None) and self._infers_y()
        return self._each_class(x, noisy=noisy) if hidden else [(self._dataset(x, y, noisy=noisy), 0.0)]

    def _each_class(self, x: npt.ArrayLike | Dataset, *, noisy: bool = False) -> list[tuple[Dataset, float]]:
        """The examples told each class in turn, with log p(y) of that class."""
        condition = self.model_.condition
        if not isinstance(condition, Classes):
            told = condition.words
            raise InputError(f"ConditionalVAE: classes alone can be inferred; the model is told {told}")
        labels = vars(self).get("classes_", np.arange(condition.width))
        told = zip(labels, condition.log_shares, strict=True)
        return [(self._dataset(x, label, noisy=noisy), float(log_share)) for label, log_share in told]

    def _infers_y(self) -> bool:
        """Whether the model does without y: it has a classifier, or `fit` has learned its classes."""
        return self.classifier is not None or "classes_" in vars(self)

    def _shares(self, cases: list[tuple[Dataset, float]], samples: int) -> Array:
        """q(y|x) by the classifier, where there is one, and otherwise by Bayes' rule."""
        if self.classifier is None:
            return super()._shares(cases, samples)
        model = self.model_
        batches = cases[0][0].batches(AT_ONCE, dtype_of(model))
        return np.concatenate([np.exp(model.log_classes(batch)[0]) for batch in batches])

    def _needed(self, y: npt.ArrayLike | None) -> npt.ArrayLike | None:
        return None if self._infers_y() else y

    def predict_proba(self, x: npt.ArrayLike | Dataset, *, samples: int = 100) -> Array:
        """q(y|x) of each class by the classifier, or without one p(y|x) ∝ p(y) p̂(x|y)  ->  (N, K).

        p̂(x|y) is estimated with `samples` importance-weighted draws for each class. The columns are those of
        `classes_`, or of the numbers from 0 to K − 1 where the number of `classes` was given. Labels of a
        Dataset are ignored.
        """
        return self._shares(self._each_class(x), samples)

    def predict(self, x: npt.ArrayLike | Dataset, *, samples: int = 100) -> Array:
        """The most probable class of each example by `predict_proba`  ->  (N,)."""
        likeliest = self.predict_proba(x, samples=samples).argmax(axis=1)
        return np.asarray(vars(self)["classes_"][likeliest]) if "classes_" in vars(self) else likeliest

    def log_classes(self, batch: Batch, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log q(y|x) (B, K) by the classifier. pullback(dlog_q) fills the classifier's Parameters."""
        assert self.condition is not None
        scores, classifier_pullback = self.classifier(super().seen(batch), mode=mode, needs_dx=False)
        shape = f"{len(batch)} {self.condition.width}"
        require_shapes("ConditionalVAE: what the classifier puts out", scores=(scores, shape))
        log_q, softmax_pullback = ops.log_softmax(scores, axis=1)

        def pullback(dlog_q: Array) -> None:
            classifier_pullback(softmax_pullback(dlog_q))

        return log_q, pullback
