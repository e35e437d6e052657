"""A model as one safetensors file: its arrays, and in the metadata the JSON that says where each belongs."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np

from scratchvae import strict_json
from scratchvae.arrays import InputError
from scratchvae.data import read_safetensors
from scratchvae.files import write_whole
from scratchvae.models.description import Description, Reading, class_name
from scratchvae.schema import Anything, Listing, Record, check

FORMAT, VERSION = "scratchvae model", 1
LEFT = (  # attributes that are not saved
    "_metadata_request",
    "_moments",
    "_parent_callback_ctx",
    "_partial",
    "_skl_callbacks",
    "first_weights",
    "left_weights",
)


class Saved:
    """A model that can be written to a file and read again, with its parameters, its weights and its history.

    The file lacks what only a further training needs: the state of optimizers, and the weights that `fit`
    would start from. A `fit` of a model that was given its networks starts from the weights that the file
    holds.
    """

    def save(self, path: str | Path) -> None:
        """Write the model to `path`, a safetensors file, and replace a file that is there.

        InputError where a weight is not finite. InputError for a model with a part that the library does not
        know, such as a layer of the user's own: `to_torch_state_dict` has the weights of such a model.
        """
        from safetensors.numpy import save

        path = Path(path)
        description = Description(f"{type(self).__name__}.save")
        top = description.value(self, "", LEFT)
        for name, array in description.arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise InputError(
                    f"{type(self).__name__}.save: every weight should be finite; found others in {name}"
                )
        content = {"objects": description.objects, "top": top}
        metadata = {
            "format": FORMAT,
            "version": str(VERSION),
            "model": strict_json.dump_finite(str(path), content),
        }
        write_whole(path, save(description.arrays, metadata))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote. Nothing in the file is executed or unpickled.

        InputError for another file, a damaged one, one of a newer version, or one of another class.
        """
        path = Path(path)
        if not path.exists():
            raise InputError(f"{path} should be a saved model, found no such file")
        arrays, metadata = read_safetensors(path)
        if metadata.get("format") != FORMAT:
            other = metadata.get("format")
            found = f"a {other:.40}" if other else "a safetensors file of another kind"
            raise InputError(
                f"{path} should be a saved model, as {cls.__name__}.save writes it; found {found}"
            )
        if metadata.get("version") != str(VERSION):
            found = f"found version {metadata.get('version')!r:.40}: a newer scratchvae may read it"
            raise InputError(f"{path} should be a saved model of version {VERSION}, {found}")
        where = f"{path}: model"
        content = check(
            strict_json.parse(metadata.get("model", ""), where),
            Record({"objects": Listing(Anything()), "top": Anything()}),
            where,
        )
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise InputError(f"{path}: every weight should be finite; found others in {name:.80}")
        reading = Reading(str(path), content["objects"], arrays)
        model = reading.value(content["top"])
        if not isinstance(model, Saved):
            raise InputError(f"{path} should be a saved model; found none in it")
        if not isinstance(model, cls):
            name = (class_name(type(model)) or "").partition(".")[2]
            raise InputError(f"{path} holds a {name}, which {name}.load reads; {cls.__name__}.load does not")
        model._require_whole(str(path), reading.unused)
        return model

    def _require_whole(self, where: str, unused: set[str]) -> None:
        """Raise InputError unless the file has the model's arrays, all and no other, and the model works."""
        name = type(self).__name__
        if unused:
            raise InputError(
                f"{where} should hold the arrays of a {name} and no other; found {sorted(unused)[0]!r:.80}"
            )
        try:
            with np.errstate(all="ignore"):
                self._try_out()
        except (
            InputError,
            AttributeError,
            TypeError,
            KeyError,
            ValueError,
            IndexError,
            ArithmeticError,
        ) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{where} should hold a {name}, whole and of this version; it does not work: {reason:.200}"
            ) from None

    @abstractmethod
    def _try_out(self) -> Any:
        """Do the work of the model once, on one example.

        Any error means that parts are missing or do not fit.
        """
