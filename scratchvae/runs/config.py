"""Everything that a run is described by, as plain numbers and choices in words: what config.json holds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from scratchvae import strict_json
from scratchvae.arrays import InputError, require_at_least, require_choice
from scratchvae.choices import fitted, parse, shortened
from scratchvae.data import KINDS, TableSchema
from scratchvae.recipes import OBJECTIVES, OPTIMIZERS, RECIPES
from scratchvae.runs.spellings import DEFAULT
from scratchvae.runs.version_0_1 import translated
from scratchvae.runs.version_0_2 import BY_DTYPE, as_then, is_of_then
from scratchvae.strict_json import dump_finite

LOWEST = {
    "limit": 1,
    "labelled": 1,
    "held_out": 0,
    "epochs": 1,
    "batch_size": 1,
    "patience": 1,
    "seed": 0,
    "held_out_seed": 0,
}
NEWER = ("held_out_seed", "labelled")  # entries that config.json has only where they are set


@dataclass(frozen=True)
class Config:
    """A run from data to the last step.

    Steps count batches; None leaves a choice to the recipe, the model or the data.
    """

    data: str = "numerals"  # a name or a path, as data.load takes it
    data_dir: str | None = None
    examples: int | None = None  # how many there are, and
    event_shape: Sequence[int] | None = None  # their shape: written down when the run starts
    columns: str | None = None  # of a table: what its columns are, as data.as_table takes it, and
    schema: Any = None  # what they turned out to be: written down when the run starts
    # pixels, counts or values; None: what the data's format says, written down when the run starts
    kind: str | None = None
    # height and width that pictures of a folder are brought to; None: as they are
    size: Sequence[int] | None = None
    resize: str = "crop"  # or fit: how they are brought to it
    limit: int | None = None  # use the first so many examples only
    held_out: int | None = None  # so many of them, drawn by a seed, are judged on; None: a tenth
    held_out_last: bool = False  # they are the last ones, as a series wants it
    # draws them, and the examples of a data set that is drawn; None: the run's seed
    held_out_seed: int | None = None
    # so many of the examples to train on keep their labels, and the others have none; None: all keep them
    labelled: int | None = None
    binarized: bool = False  # draw x ~ Bernoulli(pixels) anew in every batch
    recipe: str = "mlp"  # one of RECIPES, such as mlp(latent_dim=2, likelihood=gaussian(learned=True))
    objective: str = DEFAULT  # one of OBJECTIVES, or default(…), which is the model's own
    optimizer: str = "adam"  # one of OPTIMIZERS, such as adam(learning_rate=cosine(rate=0.001))
    max_norm: float | None = None
    epochs: int = 20
    batch_size: int = 128
    drop_last: bool = False  # leave out the last batch of an epoch where it would be smaller than the others
    patience: int | None = None  # epochs without a gain on held-out data before the run ends early
    seed: int = 0

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        if self.schema is not None:
            entries = TableSchema.from_entries(self.schema, "config").to_entries()
            object.__setattr__(self, "schema", entries)
        for name in (entry.name for entry in fields(self) if entry.name != "schema"):
            object.__setattr__(self, name, fitted("config", name, getattr(self, name), hints[name]))
        if self.kind is not None and self.kind != BY_DTYPE:
            require_choice("config", "kind", self.kind, KINDS)
        for name, low in LOWEST.items():
            if getattr(self, name) is not None:
                require_at_least("config", name, getattr(self, name), low)
        for name, table in (("recipe", RECIPES), ("objective", OBJECTIVES), ("optimizer", OPTIMIZERS)):
            choice = parse(getattr(self, name), name)
            own = name == "objective" and choice.name == DEFAULT  # which row that is, the model knows
            if own and choice.positions:
                raise InputError(
                    f"objective {DEFAULT} takes values with their names only, found {shortened(choice)}"
                )
            object.__setattr__(self, name, str(choice if own else table.settle(choice)))

    @property
    def data_seed(self) -> int:
        """What draws the held-out examples, and the examples of a data set that is drawn."""
        return self.seed if self.held_out_seed is None else self.held_out_seed

    def to_json(self) -> str:
        """As text, a line for each entry, but for those of NEWER that are not set."""
        entries = {
            name: value for name, value in asdict(self).items() if name not in NEWER or value is not None
        }
        return dump_finite("config", entries, indent=2)

    @classmethod
    def from_entries(cls, entries: Any, where: str) -> "Config":
        """From what the JSON of `where` holds; InputError for anything but a config, of this version or of
        0.1.0.
        """
        if not isinstance(entries, Mapping):
            raise InputError(f"{where} should hold one JSON object, found {type(entries).__name__}")
        try:
            of_then = is_of_then(entries)
            if "settings" in entries:
                entries = translated(entries)
            if of_then:
                entries = as_then(entries)
            for name in entries:
                require_choice("config", "entry", name, cls.__dataclass_fields__)
            config = cls(**entries)
            config.to_json()  # which refuses NaN and infinities
            return config
        except InputError as error:
            raise InputError(f"{where}: {str(error).removeprefix('config: ')}") from error


def read_config(path: Path) -> Config:
    """The config in a file."""
    if not path.exists():
        raise InputError(f"{path.parent} should be a run's folder, found no {path.name} in it")
    return Config.from_entries(strict_json.read(path), str(path))
