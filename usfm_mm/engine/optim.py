"""Layer-wise learning-rate decay in any OpenMMLab host."""

from collections.abc import Callable
from typing import Any

from mmpretrain.engine.optimizers import LearningRateDecayOptimWrapperConstructor
from torch import nn

from usfm_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(LearningRateDecayOptimWrapperConstructor):
    """Learning rate ``lr * layer_decay_rate ** distance``, the same in mmpretrain and mmseg.

    The distance of a parameter is counted from the heads: 0 for all that is not in the backbone,
    and 1 more for each step down to the patch embedding, as the backbone's ``get_layer_depth``
    says. Of the hosts' own constructors, mmpretrain's needs a model with ``get_layer_depth``, as
    mmseg's have not, and mmseg's knows neither a shared bias table nor ``LayerScale``.

    Weight decay is left out for biases, norms, LayerScale, the class and mask tokens, position
    embeddings and bias tables, unless ``paramwise_cfg`` says otherwise.

    Args:
        optim_wrapper_cfg: As in mmengine.
        paramwise_cfg: ``layer_decay_rate`` (1 by default: no decay of the learning rate), and the
            keys of mmpretrain's constructor.

    Raises:
        NotImplementedError: When called, if the model has no ``backbone.get_layer_depth``.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        settings: dict[str, Any] = dict.fromkeys(
            ('norm_decay_mult', 'bias_decay_mult', 'flat_decay_mult'), 0.0
        )
        settings.update(paramwise_cfg or {})
        no_decay = ('cls_token', 'mask_token', 'pos_embed', 'relative_position_bias_table')
        settings['custom_keys'] = {
            **{name: dict(decay_mult=0.0) for name in no_decay},
            **settings.get('custom_keys', {}),
        }
        super().__init__(optim_wrapper_cfg, settings)

    def add_params(
        self,
        params: list[dict],
        module: nn.Module,
        prefix: str = '',
        get_layer_depth: Callable | None = None,
        **kwargs: Any,
    ) -> None:
        """Add a module's parameters, each with its learning rate and weight decay.

        Args:
            params: Parameter groups; extended in place.
            module: The whole model at the first call, its parts after that.
            prefix: Of the parameters' names.
            get_layer_depth: From a parameter's name to its depth and the number of depths.
            kwargs: Of the host's, unused.
        """
        if get_layer_depth is None:
            backbone: Any = getattr(module, 'backbone', None)
            if not hasattr(backbone, 'get_layer_depth'):
                raise NotImplementedError(
                    'layer-wise learning-rate decay needs a model whose backbone has '
                    f'get_layer_depth, such as usfm_mm.USFMViT, not {type(backbone).__name__}: '
                    'leave the constructor out of optim_wrapper'
                )

            def get_layer_depth(name: str) -> tuple[int, int]:
                return backbone.get_layer_depth(name, 'backbone.')

        super().add_params(params, module, prefix, get_layer_depth=get_layer_depth)
