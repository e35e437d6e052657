"""Runs live in folders: they are described, trained, resumed, swept, judged, drawn and compared."""

from scratchvae.runs.comparison import (
    chosen_runs,
    common_folder,
    compared,
    groups,
    listed,
    remarks,
    run_names,
)
from scratchvae.runs.config import Config
from scratchvae.runs.construction import build_phases, labelled, load_like
from scratchvae.runs.dask_cluster import dask_executor
from scratchvae.runs.differences import differing, settings
from scratchvae.runs.environment import environment
from scratchvae.runs.filling import by_data, described
from scratchvae.runs.folder import Run
from scratchvae.runs.grids import grid, read_axes
from scratchvae.runs.hidden_cells import errors_table
from scratchvae.runs.interruption import Interruption
from scratchvae.runs.judgement import Judgement, judge, objective_of
from scratchvae.runs.kept_prior import KeptPrior, keep_prior, read_prior
from scratchvae.runs.metrics import METRICS
from scratchvae.runs.naming import folder_name, shortened_name
from scratchvae.runs.outputs import data_of, places_of, require_harmless, require_room_for
from scratchvae.runs.processes import process_pool
from scratchvae.runs.reading import JUDGEMENT, Reading, read_run, read_runs
from scratchvae.runs.report import write_report
from scratchvae.runs.results import flattened, readable, results
from scratchvae.runs.setting import SETTINGS, configured
from scratchvae.runs.spellings import SHORT, spelled_out
from scratchvae.runs.sweeps import label, sweep
from scratchvae.runs.tables import TABLES, load_other, schema_for, write_imputed, write_rows
from scratchvae.runs.tensorboard import TensorBoard, require_tensorboard
from scratchvae.runs.trial import Trial

__all__ = [
    "JUDGEMENT",
    "METRICS",
    "SETTINGS",
    "SHORT",
    "TABLES",
    "Config",
    "Interruption",
    "Judgement",
    "KeptPrior",
    "Reading",
    "Run",
    "TensorBoard",
    "Trial",
    "build_phases",
    "by_data",
    "chosen_runs",
    "common_folder",
    "compared",
    "configured",
    "dask_executor",
    "data_of",
    "described",
    "differing",
    "environment",
    "errors_table",
    "flattened",
    "folder_name",
    "grid",
    "groups",
    "judge",
    "keep_prior",
    "label",
    "labelled",
    "listed",
    "load_like",
    "load_other",
    "objective_of",
    "places_of",
    "process_pool",
    "read_axes",
    "read_prior",
    "read_run",
    "read_runs",
    "readable",
    "remarks",
    "require_harmless",
    "require_room_for",
    "require_tensorboard",
    "results",
    "run_names",
    "schema_for",
    "settings",
    "shortened_name",
    "spelled_out",
    "sweep",
    "write_imputed",
    "write_report",
    "write_rows",
]
