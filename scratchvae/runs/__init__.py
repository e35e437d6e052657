"""Training runs that live in folders: described, started, stopped, resumed, swept, judged, drawn."""

from scratchvae.runs.config import Config
from scratchvae.runs.construction import build_phases
from scratchvae.runs.dask_cluster import dask_executor
from scratchvae.runs.folder import Run
from scratchvae.runs.grids import grid, read_axes
from scratchvae.runs.interruption import Interruption
from scratchvae.runs.judgement import METRICS, Judgement, judge
from scratchvae.runs.naming import folder_name, shortened_name
from scratchvae.runs.processes import process_pool
from scratchvae.runs.settings import SETTINGS, configured
from scratchvae.runs.spellings import SHORT, spelled_out
from scratchvae.runs.sweeps import label, sweep
from scratchvae.runs.tensorboard import TensorBoard, require_tensorboard
from scratchvae.runs.trial import Trial

__all__ = [
    "METRICS",
    "SETTINGS",
    "SHORT",
    "Config",
    "Interruption",
    "Judgement",
    "Run",
    "TensorBoard",
    "Trial",
    "build_phases",
    "configured",
    "dask_executor",
    "folder_name",
    "grid",
    "judge",
    "label",
    "process_pool",
    "read_axes",
    "require_tensorboard",
    "shortened_name",
    "spelled_out",
    "sweep",
]
