"""Time and memory of index, data set and sampler at 2.2 million images.

    python -m benchmarks.sampler [--images 2187915] [--workers 2] [--rounds 5] [--out FILE]

Memory is what a forked data-loader worker has to itself (USS) after it has looked up thousands of
images all over the index; what it shares with the main process does not count. The base is a
worker on the same code with an index of one image.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from usfm_mm.datasets import OrganBalancedSampler, UltrasoundDataset
from usfm_mm.io.index import read_index, write_index

# Images per organ of 3M-US in %: eight from the paper (3.1, 4.5), the other four made up.
SHARES = [91.74, 3.29, 0.93, 0.39, 0.19, 0.07, 0.51, 0.43, 1.0, 0.8, 0.4, 0.25]


def make_table(images: int) -> pa.Table:
    """Index of ``images`` rows with ten images a patient."""
    rng = np.random.default_rng(0)
    organs = np.sort(rng.choice(12, images, p=np.array(SHARES) / sum(SHARES)))
    names = pa.array([f'organ_{i:02d}' for i in range(12)])
    organ = pa.DictionaryArray.from_arrays(pa.array(organs.astype(np.int32)), names)
    number = pc.cast(pa.array(np.arange(images)), pa.string())
    folder = pc.cast(pa.array(np.arange(images) // 1000), pa.string())
    plain = pc.cast(organ, pa.string())
    path = pc.binary_join_element_wise(
        plain, folder, pc.binary_join_element_wise('image_', number, '.png', ''), '/'
    )
    patient = pc.cast(pa.array(np.arange(images) // 10), pa.string())
    return pa.table({'path': path, 'organ': organ, 'patient': patient})


def seconds(function: Callable[[], object], rounds: int) -> float:
    """Median time of a call."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def worker_memory(dataset: UltrasoundDataset, workers: int, draws: np.ndarray) -> float:
    """Unique memory in MB of a forked worker, the mean over ``workers`` that run side by side."""
    context = multiprocessing.get_context('fork')
    queue: multiprocessing.queues.SimpleQueue = context.SimpleQueue()
    barrier = context.Barrier(workers)

    def work(seed: int) -> None:
        for index in np.random.default_rng(seed).permutation(draws):
            dataset.get_data_info(index)
        barrier.wait()
        queue.put(psutil.Process(os.getpid()).memory_full_info().uss / 1e6)
        barrier.wait()

    processes = [context.Process(target=work, args=(seed,)) for seed in range(workers)]
    for process in processes:
        process.start()
    memory = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    return statistics.mean(memory)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--images', type=int, default=2_187_915)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        root, one = Path(folder), Path(folder) / 'one'
        one.mkdir()
        table = make_table(args.images)
        write_index(table.slice(0, 1), one / 'index.csv')
        tiny = UltrasoundDataset(one)
        result['worker memory, index of one image, MB'] = worker_memory(
            tiny, args.workers, np.zeros(20_000, int)
        )
        for name in ('index.parquet', 'index.csv'):
            write_index(table, root / name)
            result[f'{name}: size, MB'] = (root / name).stat().st_size / 1e6
            result[f'{name}: open, s'] = seconds(partial(read_index, root, name), args.rounds)
            result[f'{name}: data set, s'] = seconds(
                partial(UltrasoundDataset, root, index=name), args.rounds
            )
        del table
        result['data set with split made up, s'] = seconds(
            lambda: UltrasoundDataset(root, index='index.parquet', split='train'), args.rounds
        )
        dataset = UltrasoundDataset(root, index='index.parquet')
        result['sampler: build, s'] = seconds(
            lambda: OrganBalancedSampler(dataset, seed=0), args.rounds
        )
        sampler = OrganBalancedSampler(dataset, seed=0)
        count = min(1_000_000, len(sampler))
        result['sampler: draws per second'] = count / seconds(
            lambda: [None for _ in islice(sampler, count)], args.rounds
        )

        def resume() -> None:
            sampler.start_at(len(sampler) - 1)
            next(iter(sampler))

        result['sampler: last draw of an epoch at once, ms'] = 1e3 * seconds(resume, args.rounds)
        draws = np.random.default_rng(1).integers(0, len(dataset), 20_000)
        result['worker memory, MB'] = worker_memory(dataset, args.workers, draws)
        result['worker memory due to the index, MB'] = (
            result['worker memory, MB'] - result['worker memory, index of one image, MB']
        )

    view = Table('what', title=f'{args.images:,} images')
    view.add_column('median', justify='right')
    for name, value in result.items():
        view.add_row(name, f'{value:,.2f}' if value < 1000 else f'{value:,.0f}')
    Console().print(view)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        versions = {
            'pyarrow': pa.__version__,
            'numpy': np.__version__,
            'python': platform.python_version(),
        }
        args.out.write_text(
            json.dumps({**result, 'images': args.images, 'versions': versions}, indent=2) + '\n'
        )


if __name__ == '__main__':
    main()
