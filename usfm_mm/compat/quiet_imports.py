"""Keeps the hosts from talking while they are imported."""

import io
import warnings
from contextlib import redirect_stdout


def quiet_imports() -> None:
    """Import mmpretrain without its messages about what it does not find.

    mmcv warns at import that it has no compiled operators, which nothing here uses, and of the
    biases before norms that CycleGAN has as released; BEiT calls ``torch.meshgrid`` without an
    indexing argument; the mmpretrain fork prints 'Could not import OneDL'. And PyTorch warns of
    more data workers than cores, at each loader twice, where the summary of a run says both
    numbers, and in 2.1 of its own reading of files. Other warnings stay.
    """
    warnings.filterwarnings('ignore', message='This DataLoader will create')
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformable')
    warnings.filterwarnings('ignore', message='torch.meshgrid')
    warnings.filterwarnings('ignore', message='Unnecessary conv bias')
    warnings.filterwarnings('ignore', message='TypedStorage is deprecated')
    with redirect_stdout(io.StringIO()):
        import mmpretrain.datasets  # noqa: F401
        import mmpretrain.models  # noqa: F401
