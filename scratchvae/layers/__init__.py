"""Objects that own Parameters and call an op: `y, pullback = layer(x)`.

Their names and defaults are PyTorch's.
"""

from scratchvae.layers.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from scratchvae.layers.bounds import BoundedLogVar
from scratchvae.layers.convolution import Conv2d, ConvTranspose2d
from scratchvae.layers.dropout import Dropout
from scratchvae.layers.embedding import Embedding
from scratchvae.layers.experts import Experts, MixtureOfExperts, ProductOfExperts
from scratchvae.layers.initializers import INITIALIZERS
from scratchvae.layers.interface import EVALUATION, Layer, Mode
from scratchvae.layers.learned_fill import LearnedFill
from scratchvae.layers.linear import Linear
from scratchvae.layers.normalization import BatchNorm, LayerNorm, WeightNorm
from scratchvae.layers.parameter import (
    Buffer,
    Owner,
    Parameter,
    cast,
    dtype_of,
    named_buffers,
    named_parameters,
)
from scratchvae.layers.pooling import AvgPool2d, MaxPool2d, Upsample
from scratchvae.layers.sequential import Bypass, Heads, Residual, Sequential
from scratchvae.layers.shaping import FirstColumns, Flatten, GroupSoftmax, GroupSum, Reshape
from scratchvae.layers.state_dicts import load_state_dict, read_state_dict, save_state_dict, state_dict
from scratchvae.layers.tangents import pushforward
from scratchvae.layers.topics import Topics

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "EVALUATION",
    "GELU",
    "INITIALIZERS",
    "AvgPool2d",
    "BatchNorm",
    "BoundedLogVar",
    "Buffer",
    "Bypass",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Experts",
    "FirstColumns",
    "Flatten",
    "GroupSoftmax",
    "GroupSum",
    "Heads",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearnedFill",
    "Linear",
    "MaxPool2d",
    "MixtureOfExperts",
    "Mode",
    "Owner",
    "Parameter",
    "ProductOfExperts",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "Topics",
    "Upsample",
    "WeightNorm",
    "cast",
    "dtype_of",
    "load_state_dict",
    "named_buffers",
    "named_parameters",
    "pushforward",
    "read_state_dict",
    "save_state_dict",
    "state_dict",
]
