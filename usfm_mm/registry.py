"""Child registries with scope ``usfm_mm``.

Any OpenMMLab config finds our components by prefix alone (``type='usfm_mm.USFMViT'``): the host
imports this module when it meets the prefix, and ``locations`` names what to import then. A
registry's locations hold only what its kind of component needs, so that a pre-training run never
imports mmseg or mmagic.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import RUNNERS as MMENGINE_RUNNERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry


def _child(name: str, parent: Registry, location: str) -> Registry:
    return Registry(name, parent=parent, scope='usfm_mm', locations=[location])


DATASETS = _child('dataset', MMENGINE_DATASETS, 'usfm_mm.datasets')
DATA_SAMPLERS = _child('data sampler', MMENGINE_DATA_SAMPLERS, 'usfm_mm.datasets')
TRANSFORMS = _child('transform', MMENGINE_TRANSFORMS, 'usfm_mm.datasets.transforms')
MODELS = _child('model', MMENGINE_MODELS, 'usfm_mm.models')
MODEL_WRAPPERS = _child('model wrapper', MMENGINE_MODEL_WRAPPERS, 'usfm_mm.compat')
METRICS = _child('metric', MMENGINE_METRICS, 'usfm_mm.evaluation')
HOOKS = _child('hook', MMENGINE_HOOKS, 'usfm_mm.engine')
LOOPS = _child('loop', MMENGINE_LOOPS, 'usfm_mm.engine')
OPTIM_WRAPPERS = _child('optimizer wrapper', MMENGINE_OPTIM_WRAPPERS, 'usfm_mm.compat')
RUNNERS = _child('runner', MMENGINE_RUNNERS, 'usfm_mm.engine.runner')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'optimizer wrapper constructor',
    MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    'usfm_mm.engine.optim',
)
