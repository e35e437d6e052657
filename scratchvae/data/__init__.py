"""Data: where the examples x come from.

Every reader and every generator returns a `Dataset`, which keeps the examples as they are stored. A Dataset
gives batches (B, D) of numbers: pixels in [0, 1], levels of sound, counts of words, columns of tables.

    sources        load("glyphs" | "mnist" | "notes" | … | a path) -> Dataset
    door           arrival(where, x): turns arrays, masks, DataFrames, tensors and lists into plain numbers
    masks          count_hidden(x), has_masks(x): masked arrays inside lists and inside arrays of objects
    real_numbers   real_numbers(where, called, array): an array of any dtype as real numbers
    kinds          KINDS: pixels, counts, values; what a Dataset declares its numbers to be
    dataset        Dataset: images, labels, factors; batch, batches, subset, split
    few_labels     few_labels(data, 100): most labels hidden, for models that infer them
    extremes       entries such as 1e30, beside which the others of a column are lost
    rows           Rows: examples that stay in their file until a batch asks for them
    order          shuffled(n, seed): an order that is the same on every machine
    digest         digest(data): whether two sets are the same one
    batch          Batch: examples that are looked at together, and what else is known of them
    binarization   binarize(x, rng): grey values as probabilities, drawn anew at each visit

    glyphs         glyphs(n): characters warped by known factors; numerals(n): digits; draw_glyphs(factors)
    bars           bars(n): images of bars; bars_law() lists all there are with their probabilities
    typefaces      the characters and fonts behind them, as signed distance fields
    idx            read_idx(path): the format of MNIST, plain or gzipped
    numpy_files    read_arrays(path): images from .npy and .npz
    array_files    read_named_arrays(path): whatever arrays a .npz or .safetensors holds
    images         read_pictures(folder): pictures in any format, or a sub-folder of them for each class
    pictures       patches(picture): cut from one picture, such as the photograph() that every machine has

    wav            read_wav(path), write_wav: samples of sound
    sound          read_sound(path), of FLAC and OGG too; read_sounds(folder); sound_of(levels, rate)
    spectrogram    Spectrogram: samples as frames of levels, and as sound again
    notes          notes(n): frames of synthesized notes; play_note(timbre, pitch): one as samples

    corpus         Corpus: documents; read_texts(path): of text files
    docstrings     docstrings(): what Python's standard library says about itself
    bags           bag_of_words, bag_of_characters: documents as counts

    tables         as_table("t.csv" or a DataFrame): columns of numbers, counts and categories
    table_schema   TableSchema: what the columns are, and to_columns, the way back to a table
    column_kinds   which kind a column is, from its cells; declared_columns, what the user says of it
    table_files    read_cells, write_cells: files of cells

    video          read_video(path); windows(video): stacks of frames; bouncing_glyphs(n): drawn scenes

    layouts        channels_first: which axis of a file's array is what
    streams        files read no further than their headers promise
    folders        examples(folder, ".png", …): the files of a folder, or of a sub-folder for each class
    limits         how many bytes reading may take, and at_most(bytes), which raises that

Bad input of any kind raises an `InputError`, which names the file or the argument.
"""

from scratchvae.data.array_files import read_named_arrays, read_safetensors, read_safetensors_metadata
from scratchvae.data.bags import bag_of_characters, bag_of_words
from scratchvae.data.bars import bars, bars_law
from scratchvae.data.batch import Batch
from scratchvae.data.binarization import binarize
from scratchvae.data.columns import Column
from scratchvae.data.corpus import Corpus, read_texts
from scratchvae.data.dataset import Dataset
from scratchvae.data.digest import digest
from scratchvae.data.docstrings import MODULES, docstrings
from scratchvae.data.door import FORMS, Arrival, arrival, is_frame, known, plain
from scratchvae.data.extremes import require_told_apart
from scratchvae.data.few_labels import few_labels, no_labels
from scratchvae.data.glyphs import FACTORS, draw_glyphs, glyphs, numerals
from scratchvae.data.idx import read_idx
from scratchvae.data.images import RESIZED, read_pictures
from scratchvae.data.kinds import KINDS
from scratchvae.data.limits import MAX_BYTES, at_most
from scratchvae.data.masks import has_masks
from scratchvae.data.named_files import SOURCES, VARIABLE
from scratchvae.data.notes import TIMBRES, notes, play_note
from scratchvae.data.numpy_files import read_arrays
from scratchvae.data.order import shuffled
from scratchvae.data.paths import READ
from scratchvae.data.pictures import patches, photograph, read_picture
from scratchvae.data.rows import Rows
from scratchvae.data.sound import read_sound, read_sounds, sound_of
from scratchvae.data.sources import NAMES, load
from scratchvae.data.spectrogram import Spectrogram
from scratchvae.data.table_files import INDEX, completed, is_table, read_cells, write_cells
from scratchvae.data.table_schema import TableSchema
from scratchvae.data.tables import Columns, as_table
from scratchvae.data.typefaces import CHARACTERS, FONTS
from scratchvae.data.video import bouncing_glyphs, read_video, windows
from scratchvae.data.wav import read_wav, wav_bytes, write_wav

__all__ = [
    "CHARACTERS",
    "FACTORS",
    "FONTS",
    "FORMS",
    "INDEX",
    "KINDS",
    "MAX_BYTES",
    "MODULES",
    "NAMES",
    "READ",
    "RESIZED",
    "SOURCES",
    "TIMBRES",
    "VARIABLE",
    "Arrival",
    "Batch",
    "Column",
    "Columns",
    "Corpus",
    "Dataset",
    "Rows",
    "Spectrogram",
    "TableSchema",
    "arrival",
    "as_table",
    "at_most",
    "bag_of_characters",
    "bag_of_words",
    "bars",
    "bars_law",
    "binarize",
    "bouncing_glyphs",
    "completed",
    "digest",
    "docstrings",
    "draw_glyphs",
    "few_labels",
    "glyphs",
    "has_masks",
    "is_frame",
    "is_table",
    "known",
    "load",
    "no_labels",
    "notes",
    "numerals",
    "patches",
    "photograph",
    "plain",
    "play_note",
    "read_arrays",
    "read_cells",
    "read_idx",
    "read_named_arrays",
    "read_picture",
    "read_pictures",
    "read_safetensors",
    "read_safetensors_metadata",
    "read_sound",
    "read_sounds",
    "read_texts",
    "read_video",
    "read_wav",
    "require_told_apart",
    "shuffled",
    "sound_of",
    "wav_bytes",
    "windows",
    "write_cells",
    "write_wav",
]
