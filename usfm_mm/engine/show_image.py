"""Pictures for the run's visualizer backends."""

from typing import Any

import numpy as np
from mmengine.visualization import LocalVisBackend


def show_image(runner: Any, name: str, image: np.ndarray, step: int) -> None:
    """Hand a picture to the run's visualizer backends, such as TensorBoard.

    The local backend is left out: it would only write the file again that the hook has written.

    Args:
        runner: The run.
        name: Of the picture.
        image: ``[H, W, 3]`` uint8 RGB.
        step: Iterations done so far.
    """
    for backend in runner.visualizer._vis_backends.values():
        if not isinstance(backend, LocalVisBackend):
            backend.add_image(name, image, step)
