"""Cases of the layers, each as an op of x and of its Parameters."""

import numpy as np

from scratchvae import layers
from scratchvae.layers import (
    BatchNorm,
    Bypass,
    Conv2d,
    ConvTranspose2d,
    Heads,
    Linear,
    Residual,
    Sequential,
    Tanh,
    WeightNorm,
)
from scratchvae.reference.cases.case import Case, layer_case, normal, off_zero, spread

IMAGES = normal(2, 2, 4, 4)
OBSERVED = np.array([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
MASKED = np.concatenate([normal(4, 3), OBSERVED, normal(4, 2, seed=1)], axis=1)
# three and two columns
MODALITIES = np.concatenate([normal(4, 5, seed=2), OBSERVED, OBSERVED[::-1, :2]], axis=1)


def cases() -> list[Case]:
    """Return the cases, built anew, since layers hold state."""
    return [
        layer_case("Linear", Linear(3, 2, rng=0), normal(4, 3)),
        layer_case("Linear: no bias", Linear(3, 2, bias=False, rng=0), normal(4, 3)),
        layer_case("Conv2d", Conv2d(2, 3, 3, stride=2, padding=1, rng=0), IMAGES),
        layer_case("Conv2d: no bias", Conv2d(2, 1, 2, bias=False, rng=0), IMAGES),
        layer_case(
            "ConvTranspose2d", ConvTranspose2d(2, 3, 3, stride=2, output_padding=1, rng=0), normal(2, 2, 2, 2)
        ),
        layer_case(
            "ConvTranspose2d: no bias", ConvTranspose2d(2, 1, 2, bias=False, rng=0), normal(2, 2, 2, 2)
        ),
        *(
            layer_case(type(layer).__name__, layer, off_zero(3, 4))
            for layer in (make() for make in layers.ACTIVATIONS.values())
        ),
        *(
            layer_case(f"BoundedLogVar: {form}", layers.BoundedLogVar(-0.33, 0.27, form=form), spread(2, 6))
            for form in ("clamp", "softplus", "tanh")
        ),
        layer_case("GELU: tanh", layers.GELU("tanh"), off_zero(3, 4)),
        layer_case("BatchNorm: training", BatchNorm(2), IMAGES, training=True),
        layer_case("BatchNorm: evaluation", BatchNorm(2), IMAGES),
        layer_case("LayerNorm", layers.LayerNorm((2, 4, 4)), IMAGES),
        layer_case("WeightNorm: Linear", WeightNorm(Linear(3, 2, rng=0)), normal(4, 3)),
        layer_case("WeightNorm: Conv2d", WeightNorm(Conv2d(2, 3, 2, rng=0)), IMAGES),
        layer_case(
            "WeightNorm: ConvTranspose2d", WeightNorm(ConvTranspose2d(2, 3, 2, rng=0)), normal(1, 2, 2, 2)
        ),
        layer_case("Dropout: training", layers.Dropout(0.4), normal(3, 4), training=True),
        layer_case("Dropout: evaluation", layers.Dropout(0.4), normal(3, 4)),
        layer_case("MaxPool2d", layers.MaxPool2d(2), spread(2, 2, 4, 4)),
        layer_case("AvgPool2d", layers.AvgPool2d(2, 1), IMAGES),
        layer_case("Upsample", layers.Upsample(2), IMAGES),
        layer_case("FirstColumns", layers.FirstColumns(2), normal(3, 5)),
        layer_case("Flatten", layers.Flatten(), IMAGES),
        layer_case("GroupSoftmax", layers.GroupSoftmax(2), normal(3, 6)),
        layer_case("GroupSum", layers.GroupSum(2, 3), normal(3, 12)),
        layer_case("Reshape", layers.Reshape(4, 2), normal(3, 8)),
        layer_case("LearnedFill", layers.LearnedFill(3), MASKED),
        layer_case("Residual", Residual(Sequential(Linear(3, 3, rng=0), Tanh())), normal(4, 3)),
        layer_case("Bypass", Bypass(Sequential(Linear(3, 2, rng=0), Tanh()), 2), normal(4, 5)),
        layer_case("ProductOfExperts", layers.ProductOfExperts(*_encoders(), sizes=(3, 2)), MODALITIES),
        layer_case("MixtureOfExperts", layers.MixtureOfExperts(*_encoders(), sizes=(3, 2)), MODALITIES),
        layer_case("Topics: mixture", layers.Topics(3, 5, kind="mixture", rng=0), normal(4, 3)),
        layer_case("Topics: product", layers.Topics(3, 5, kind="product", rng=0), normal(4, 3)),
        layer_case("Heads", Heads(Linear(3, 2, rng=0), Linear(3, 1, rng=1)), normal(4, 3)),
        layer_case("Sequential: one layer twice", _twice(Linear(3, 3, rng=0)), normal(4, 3)),
    ]


def _twice(layer: Linear) -> Sequential:
    return Sequential(layer, Tanh(), layer)


def _encoders() -> list[Linear]:
    return [Linear(3, 4, rng=0), Linear(2, 4, rng=1)]
