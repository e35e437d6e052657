"""Steps and layers of other frameworks beside this library's, which are imported inside functions only."""

from scratchvae.layers import load_state_dict, read_state_dict, save_state_dict, state_dict
from scratchvae.reference.frameworks.jax_twins import check_jax
from scratchvae.reference.frameworks.keras_check import check_keras
from scratchvae.reference.frameworks.torch_capture import Captured, capture
from scratchvae.reference.frameworks.torch_check import check_torch
from scratchvae.reference.frameworks.torch_training import check_training
from scratchvae.reference.frameworks.torch_twins import layer_from_torch, module_from_layer

__all__ = [
    "Captured",
    "capture",
    "check_jax",
    "check_keras",
    "check_torch",
    "check_training",
    "layer_from_torch",
    "load_state_dict",
    "module_from_layer",
    "read_state_dict",
    "save_state_dict",
    "state_dict",
]
