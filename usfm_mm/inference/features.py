"""Feature vectors of pictures, their files, and the nearest ones in such a file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from usfm_mm.inference.answers import Features
from usfm_mm.inference.feature_space import comparable
from usfm_mm.inference.frames import Frame, batches
from usfm_mm.io.atomic import atomic_path

_ABOUT = b'usfm_mm'  # metadata of a Parquet file


class Encoder(Protocol):
    """A network that turns pictures into vectors.

    Ours have ``features`` too, which says what these are made of.
    """

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W] or [H, W, 3] to uint8 [C, height, width]."""

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 [B, C, height, width] to float32 [B, D]."""


def features_of(encoder: Encoder, frames: Iterable[Frame], batch_size: int) -> Iterator[Features]:
    """Feature vectors of frames, in their order."""
    for batch in batches(frames, batch_size):
        vectors = encoder.encode(np.stack([encoder.prepare(frame.pixels) for frame in batch]))
        yield from map(Features, batch, vectors)


@dataclass
class FeatureTable:
    """Feature vectors with where they are from.

    Attributes:
        vectors: float32 [N, D].
        sources: Path of the file of each.
        numbers: Number of the frame in its file, from 0.
        about: What made them: the model's SHA-256, and ``features``, what they are made of.
    """

    vectors: np.ndarray
    sources: list[str]
    numbers: list[int]
    about: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Neighbour:
    """A frame that is like another one: its file, number and the cosine between their features.

    The cosine is that of standardised features: 1 for the same picture, around 0 for two that are
    no more alike than any two of the table.
    """

    source: str
    number: int
    cosine: float


def nearest(table: FeatureTable, vectors: np.ndarray, k: int) -> list[list[Neighbour]]:
    """The k nearest of a table by cosine, the nearest first.

    Vectors are standardised by the table, from three on:
    :func:`~usfm_mm.inference.feature_space.comparable`.

    Args:
        table: With vectors [N, D].
        vectors: What is looked for, [M, D].
        k: At most N are given.

    Raises:
        ValueError: The vectors are of another length than the table's or not finite, or k is below
            1.

    Example:
        >>> table = FeatureTable(np.eye(2, dtype=np.float32), ['a.png', 'b.png'], [0, 0])
        >>> nearest(table, np.array([[0.0, 2.0]]), k=1)
        [[Neighbour(source='b.png', number=0, cosine=1.0)]]
    """
    if k < 1:
        raise ValueError(f'k must be at least 1, got {k}')
    if vectors.shape[1] != table.vectors.shape[1]:
        raise ValueError(
            f'the file has features of {table.vectors.shape[1]} numbers, the model gives '
            f'{vectors.shape[1]}: extract them with the same model, or, of an older file, '
            "take load_backbone(FILE, features='mean')"
        )
    if not np.isfinite(vectors).all():
        raise ValueError('the features asked for are not finite: the model is broken')
    bad = np.flatnonzero(~np.isfinite(table.vectors).all(axis=1))
    if bad.size:  # through the mean it would spoil all others
        where = f'{table.sources[bad[0]]}, frame {table.numbers[bad[0]]}'
        raise ValueError(f'the features of {where}, are not finite: extract them anew')
    cosines = comparable(vectors, table.vectors) @ comparable(table.vectors, table.vectors).T
    order = np.argsort(-cosines, axis=1, kind='stable')[:, :k]
    return [
        [Neighbour(table.sources[n], table.numbers[n], float(row[n])) for n in chosen]
        for row, chosen in zip(cosines, order.tolist(), strict=True)
    ]


def write_features(path: str | Path, table: FeatureTable) -> None:
    """Write features as Parquet or ``.npz``, whole or not at all.

    Raises:
        ValueError: The name ends otherwise.
    """
    check_ending(path)
    with atomic_path(path) as temporary:
        if Path(path).suffix == '.npz':
            with temporary.open('wb') as file:
                np.savez(
                    file,
                    features=table.vectors,
                    source=np.array(table.sources, dtype=np.str_),
                    frame=np.array(table.numbers, dtype=np.int64),
                    about=np.array(json.dumps(table.about)),
                )
            return
        import pyarrow as pa
        from pyarrow import parquet

        flat = pa.array(table.vectors.ravel(), pa.float32())
        columns = dict(
            source=pa.array(table.sources, pa.string()),
            frame=pa.array(table.numbers, pa.int64()),
            features=pa.FixedSizeListArray.from_arrays(flat, table.vectors.shape[1]),
        )
        about = {_ABOUT: json.dumps(table.about).encode()}
        parquet.write_table(pa.table(columns).replace_schema_metadata(about), temporary)


def read_features(path: str | Path) -> FeatureTable:
    """Read what :func:`write_features` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no file of features.
    """
    check_ending(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such file of features')
    try:
        return _read_npz(path) if Path(path).suffix == '.npz' else _read_parquet(path)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f'{path} is no file of "usfm extract-features": {error}') from error


def _read_npz(path: str | Path) -> FeatureTable:
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file['about']))
        sources, numbers = (file[name].tolist() for name in ('source', 'frame'))
        return FeatureTable(file['features'], sources, numbers, about)


def _read_parquet(path: str | Path) -> FeatureTable:
    from pyarrow import parquet

    table = parquet.read_table(path)
    vectors = table['features'].combine_chunks()
    about = json.loads((table.schema.metadata or {}).get(_ABOUT, b'{}'))
    return FeatureTable(
        np.asarray(vectors.flatten()).reshape(len(table), vectors.type.list_size),
        table['source'].to_pylist(),
        table['frame'].to_pylist(),
        about,
    )


def check_ending(path: str | Path) -> None:
    """Refuse a name that ends neither in ``.parquet`` nor in ``.npz``.

    Raises:
        ValueError: It does not.
    """
    if Path(path).suffix not in ('.parquet', '.npz'):
        raise ValueError(f'{path}: the name of a file of features ends in .parquet or .npz')


def join(tables: Sequence[FeatureTable], about: dict[str, str]) -> FeatureTable:
    """One table of several; at least one of them has rows."""
    tables = [table for table in tables if len(table.sources)]
    return FeatureTable(
        np.concatenate([table.vectors for table in tables]),
        [source for table in tables for source in table.sources],
        [number for table in tables for number in table.numbers],
        about,
    )
