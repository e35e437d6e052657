"""Training runs that live in folders: described, started, stopped, resumed, judged, drawn, read again and compared."""

from scratchvae.runs.comparison import chosen_runs, common_folder, compared, groups, listed, remarks, run_names
from scratchvae.runs.config import Config
from scratchvae.runs.construction import build_phases
from scratchvae.runs.differences import differing, settings
from scratchvae.runs.folder import Run
from scratchvae.runs.judgement import METRICS, Judgement
from scratchvae.runs.reading import Reading, read_run, read_runs
from scratchvae.runs.report import write_report
from scratchvae.runs.spellings import SHORT, spelled_out

__all__ = [
    "METRICS",
    "SHORT",
    "Config",
    "Judgement",
    "Reading",
    "Run",
    "build_phases",
    "chosen_runs",
    "common_folder",
    "compared",
    "differing",
    "groups",
    "listed",
    "read_run",
    "read_runs",
    "remarks",
    "run_names",
    "settings",
    "spelled_out",
    "write_report",
]
