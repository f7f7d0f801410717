"""Shows where the organs lie in the encoder's feature space, as the paper's Fig. 7."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from usfm_mm.compat.message_hub import forget_unsaved
from usfm_mm.datasets.samples import choose_per_organ, stored_image
from usfm_mm.datasets.seeding import seeded
from usfm_mm.engine.show_image import show_image
from usfm_mm.engine.validated_weights import validated_weights
from usfm_mm.evaluation.silhouette import silhouette_by_organ
from usfm_mm.inference.extract import extract_features
from usfm_mm.inference.feature_space import comparable
from usfm_mm.io.json_file import write_json
from usfm_mm.models.features import extractor_of
from usfm_mm.registry import HOOKS
from usfm_mm.visualization.embedding import embedding_scatter, umap_points
from usfm_mm.visualization.figures import figure_to_array, save_figure


class EmbeddingUnavailable(Exception):
    """There is nothing to draw; the message says why and what to do."""


@HOOKS.register_module()
class EmbeddingHook(Hook):
    """Embeds images of each organ and measures how well the features tell organs apart.

    Up to ``images_per_organ`` images of each organ, a seeded choice from the training and
    validation data sets, are resized to the model's size, unmasked, and encoded: mean and standard
    deviation of the patch tokens after the final norm. Into ``work_dir/embedding`` go ``NAME.npz``
    (features, organs, and the kind of the features), ``NAME.png`` (UMAP), and ``NAME.json`` with
    the silhouette by organ; NAME is ``epoch_XXX``.

    The silhouette is measured in the feature space, not in the picture, where UMAP would have
    pulled clusters apart; of features that are standardised by these images and brought to length
    1, as all that compares features does
    (:func:`~usfm_mm.inference.feature_space.comparable`), on Euclidean distances.

    Only the main process works. What is missing (packages, a second organ, features that are
    numbers) is a warning, never an error: it must not cost a finished training. Under FSDP no
    process has the whole model, and the hook warns likewise: use
    :func:`usfm_mm.apis.extract_features` on the checkpoint.

    Args:
        interval: Epochs between embeddings; None for one at the end of training alone. The end of
            training is always embedded.
        images_per_organ: At most.
        batch_size: Images per forward pass.
        seed: Of the choice and of UMAP.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(
        self,
        interval: int | None = None,
        images_per_organ: int = 100,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        if min(1 if interval is None else interval, images_per_organ, batch_size) < 1:
            raise ValueError(
                'interval, images_per_organ and batch_size must be at least 1, got '
                f'{interval}, {images_per_organ} and {batch_size}'
            )
        self.interval = interval
        self.images_per_organ = images_per_organ
        self.batch_size = batch_size
        self.seed = seed

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Keep a former silhouette, which is not resumed, from being missed."""
        forget_unsaved(checkpoint)

    def after_train_epoch(self, runner: Any) -> None:
        """Embed, if it is time to."""
        last = runner.epoch + 1 >= runner.max_epochs
        if self.interval and not last and self.every_n_epochs(runner, self.interval):
            self._embed(runner, runner.epoch + 1)

    def after_train(self, runner: Any) -> None:
        """Embed with the final weights."""
        self._embed(runner, runner.epoch)

    def _embed(self, runner: Any, epoch: int) -> None:
        if not is_main_process():
            return
        try:
            # UMAP and data sets may draw from the global generators.
            with seeded(self.seed), validated_weights(runner):
                self._write(runner, epoch)
        except (EmbeddingUnavailable, ImportError) as reason:
            runner.logger.warning(f'EmbeddingHook: no embedding: {reason}')

    def _write(self, runner: Any, epoch: int) -> None:
        stem = Path(runner.work_dir, 'embedding', f'epoch_{epoch:03d}')
        features, organs, kind = self._features(runner)
        stem.parent.mkdir(parents=True, exist_ok=True)
        names = np.asarray(organs)
        np.savez(stem.with_suffix('.npz'), features=features, organs=names, kind=np.asarray(kind))
        record: dict[str, Any] = dict(epoch=epoch, images=len(organs), features=kind)
        compared = comparable(features, features)
        record.update(silhouette_by_organ(compared, organs))
        write_json(stem.with_suffix('.json'), record)
        score = record['silhouette']
        runner.message_hub.update_scalar('embedding/silhouette', score, resumed=False)
        runner.visualizer.add_scalar('embedding/silhouette', score, runner.iter)
        runner.logger.info(f'Silhouette by organ: {score:.3f} ({len(organs)} images)')
        title = f'epoch {epoch}: silhouette in feature space {score:.3f}'
        figure = embedding_scatter(umap_points(compared, self.seed), organs, title)
        path = save_figure(figure, stem.with_suffix('.png'))
        show_image(runner, 'embedding', figure_to_array(figure), runner.iter)
        runner.logger.info(f'Embedding: {path}')

    def _features(self, runner: Any) -> tuple[np.ndarray, list[str], str]:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if type(runner.model).__name__.endswith('FullyShardedDataParallel'):
            raise EmbeddingUnavailable('the model is sharded over processes (FSDP)')
        datasets = [runner.train_dataloader.dataset]
        if runner.val_loop is not None:
            datasets.append(runner.val_dataloader.dataset)
        try:
            chosen = self._choose(datasets)
        except TypeError as error:
            raise EmbeddingUnavailable(str(error)) from error
        names = sorted({organ for organ, _, _ in chosen})
        if len(names) < 2 or len(chosen) <= len(names):
            raise EmbeddingUnavailable(
                'it takes two organs, and two images of at least one of them; there are '
                f'{len(chosen)} image(s) of {", ".join(names)} (images_per_organ='
                f'{self.images_per_organ})'
            )
        images = (stored_image(datasets[which], index) for _, which, index in chosen)
        extractor = extractor_of(model)
        features = extract_features(extractor, images, self.batch_size)
        if not np.isfinite(features).all():
            raise EmbeddingUnavailable('the features are not finite; did the training diverge?')
        return features, [organ for organ, _, _ in chosen], extractor.features

    def _choose(self, datasets: list[Any]) -> list[tuple[str, int, int]]:
        """Organ, data set and position of each image, none twice."""
        pools: dict[str, dict[Any, tuple[int, int]]] = {}
        for which, dataset in enumerate(datasets):
            chosen = choose_per_organ(dataset, self.images_per_organ, self.seed)
            for organ, positions in chosen.items():
                pool = pools.setdefault(organ, {})
                for position in positions:
                    # Training and validation data may be the same images.
                    path = dataset.get_data_info(position)['img_path']
                    pool.setdefault((dataset.data_root, path), (which, position))
        picked = []
        for organ, pool in sorted(pools.items()):
            images = list(pool.values())
            order = np.random.default_rng(self.seed).permutation(len(images))
            picked += [(organ, *images[n]) for n in np.sort(order[: self.images_per_organ])]
        return picked
