"""From an experiment to its runs: method x data x label share x seed, pre-training first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from usfm_mm.converters.corruption import LADDER
from usfm_mm.experiments.sweep import Sweep
from usfm_mm.experiments.unseen import Unseen

PRETRAIN = 'pretrain'
"""Stage of a training that nothing tests, and folder of the runs of pre-training."""
ADAPT = 'adapt'
CORRUPTED = 'corrupted'
"""Folder of a run's tests with worse images."""
KNN = 'knn'
"""Task whose runs train nothing: neighbours vote on frozen features."""


@dataclass(frozen=True)
class Data:
    """A prepared data set and what is learned on it.

    Attributes:
        task: Key of the methods' configs: 'seg', 'cls', 'probe', 'enhance' or another name, whose
            runs train and test; 'knn' for ``usfm knn``.
        root: Folder that ``usfm prepare`` made.
        paper: Name in the paper's tables; empty where it is not there.
        unseen: What is kept from training and tested on; None for the lists as they are.
        options: Of all methods on this data, behind those of the task.
    """

    task: str
    root: str
    paper: str = ''
    unseen: Unseen | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """What is compared.

    Attributes:
        commands: By task, what ``usfm train`` gets: the config, then options.
        pretrained: Name of the pre-training that its encoder starts from; empty for none.
    """

    commands: Mapping[str, tuple[str, ...]]
    pretrained: str = ''


@dataclass(frozen=True)
class Experiment:
    """What a file of ``configs/experiments`` says.

    Attributes:
        name: Of the file.
        title: Of the tables.
        seeds: A seed is that of the pre-training too.
        percent: Shares of the training lists.
        data: By name.
        methods: By name.
        pretraining: What ``usfm train`` gets, by name.
        options: Of all methods, by task.
        note: A sentence that stands above every table.
        about: The method that is tested against the best of the others; empty for none.
        robustness: Severities of worse test images, 1 to 5; none for no such tests.
        sweep: What is looked for; its points are among the methods. None to compare them.
    """

    name: str
    title: str
    seeds: tuple[int, ...]
    percent: tuple[int, ...]
    data: Mapping[str, Data]
    methods: Mapping[str, Method]
    pretraining: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ''
    about: str = ''
    robustness: tuple[int, ...] = ()
    sweep: Sweep | None = None


@dataclass(frozen=True)
class Run:
    """A pre-training, or a training on labels with its test.

    Attributes:
        stage: 'adapt'; or 'pretrain', also of a sweep's training on labels, which has no test.
        method: Its name in the table; that of the pre-training.
        data: Name of the data; empty in pre-training.
        task: Of the data.
        percent: Share of the training list.
        seed: Of everything random.
        folder: Its work dir.
        command: Of ``usfm train``: the config, then options.
        weights: Folder of the pre-training that it starts from; None for none.
        corruptions: What its model is also tested with, such as ``'gain:3'``.
        unseen: Of the data.
    """

    stage: str
    method: str
    data: str
    task: str
    percent: int
    seed: int
    folder: Path
    command: tuple[str, ...]
    weights: Path | None = None
    corruptions: tuple[str, ...] = ()
    unseen: Unseen | None = None

    @property
    def results(self) -> Path:
        """Folder that the test, or k-NN, writes to."""
        return self.folder / ('knn' if self.task == KNN else 'test')

    @property
    def summary(self) -> Path:
        """What the test writes at its end."""
        return self.results / 'summary.json'

    def corrupted(self, corruption: str) -> Path:
        """Work dir of the test with worse images."""
        return self.folder / CORRUPTED / corruption.replace(':', '_')

    def __str__(self) -> str:
        told = f'{self.data}, {self.percent} %, ' if self.data else 'pre-training, '
        return f'{self.method}, {told}seed {self.seed}'


def plan(experiment: Experiment, work_dir: Path) -> list[Run]:
    """All runs, seed by seed, so that a stopped experiment has something of every method.

    Experiments with one ``work_dir`` share the runs that they have in common: a pre-training, say,
    or the full training set of Table 2 and Fig. 10.

    Args:
        experiment: What to expand; a method has no run on data whose task it has no config for.
        work_dir: Folder of the folders.

    Returns:
        Runs, each behind the pre-training that it starts from.

    Example:
        >>> method = Method({'cls': ('usfm/cls_custom_linear',)}, pretrained='USFM')
        >>> for run in plan(
        ...     Experiment('x', 'X', (0,), (20, 100), {'busi': Data('cls', 'data/busi')},
        ...                {'USFM': method}, {'USFM': ('usfm/pretrain_cpu',)}),
        ...     Path('work_dirs'),
        ... ):
        ...     print(run.folder)
        work_dirs/runs/pretrain/USFM/seed_0
        work_dirs/runs/busi/USFM/20_percent_seed_0
        work_dirs/runs/busi/USFM/100_percent_seed_0
    """
    runs = work_dir / 'runs'
    needed = {
        method.pretrained
        for method in experiment.methods.values()
        if method.pretrained and any(of.task in method.commands for of in experiment.data.values())
    }
    corruptions = tuple(f'{kind}:{step}' for kind in LADDER for step in experiment.robustness)
    found = []
    for seed in experiment.seeds:
        places = {name: runs / PRETRAIN / name / f'seed_{seed}' for name in needed}
        for name, words in experiment.pretraining.items():
            if name in needed:
                command = (*words, *_seed(seed))
                found.append(Run(PRETRAIN, name, '', '', 100, seed, places[name], command))
        found += [
            Run(
                _stage(experiment, of),
                name,
                data,
                of.task,
                percent,
                seed,
                runs / data / name / f'{percent}_percent_seed_{seed}',
                _command(experiment, method, of, seed),
                places[method.pretrained] if method.pretrained else None,
                _corrupted(corruptions, method, of),
                of.unseen,
            )
            for percent in experiment.percent
            for data, of in experiment.data.items()
            for name, method in experiment.methods.items()
            if of.task in method.commands
        ]
    return found


def _corrupted(corruptions: tuple[str, ...], method: Method, data: Data) -> tuple[str, ...]:
    """Those that the config's test can be done with: k-NN, clips and pairs know none."""
    if not corruptions or data.task == KNN:
        return ()
    from usfm_mm.config.corruption import loads_single_images  # imports OpenMMLab

    return corruptions if loads_single_images(method.commands[data.task][0]) else ()


def _stage(experiment: Experiment, data: Data) -> str:
    """A sweep never opens the test set: neighbours are asked about validation images there."""
    return PRETRAIN if experiment.sweep and data.task != KNN else ADAPT


def _command(experiment: Experiment, method: Method, data: Data, seed: int) -> tuple[str, ...]:
    common = (*experiment.options.get(data.task, ()), *data.options, '--data-root', data.root)
    asked = ('--split', 'val') if experiment.sweep and data.task == KNN else ()
    return (*method.commands[data.task], *common, *asked, *_seed(seed))


def _seed(seed: int) -> tuple[str, ...]:
    return ('--cfg-options', f'randomness.seed={seed}')
