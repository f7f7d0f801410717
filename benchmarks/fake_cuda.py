"""Models on a GPU that is not there: shapes, dtypes and devices without values or a driver.

PyTorch's fake tensors lie where they are told and hold nothing. What mixes devices or dtypes fails
as on a GPU. The backward pass needs a driver, so that it is not for here.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN: Any = torch.ops.aten


class ValuesMadeUp(TorchDispatchMode):
    """Answers what asks for values, which fake tensors lack.

    A number that is read is 1, a condition is false, and a mask is true everywhere.

    Attributes:
        reads: How often values went to the host; each time a GPU would have been waited for.
        operators: Names of all that was computed, such as 'aten.mm'.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.operators: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Compute one operator."""
        self.operators.add(str(func.overloadpacket))
        if func is _ATEN._local_scalar_dense.default:
            self.reads += 1
            return False if args[0].dtype == torch.bool else 1
        if func is _ATEN.nonzero.default:
            self.reads += 1
            return _everywhere(args[0])
        if func in (_ATEN.index.Tensor, _ATEN.index_put_.default, _ATEN.index_put.default):
            args = (args[0], self._without_masks(args[1]), *args[2:])
        return func(*args, **(kwargs or {}))

    def _without_masks(self, indices: list[Tensor | None]) -> list[Tensor | None]:
        found: list[Tensor | None] = []
        for index in indices:
            if index is None or index.dtype not in (torch.bool, torch.uint8):
                found.append(index)
                continue
            self.reads += 1
            found += _everywhere(index).unbind(1)
        return found


class _OneMode(FakeTensorMode):
    """Fake tensors whose copies are of the same mode; hosts copy what data samples hold."""

    def __deepcopy__(self, memo: dict) -> '_OneMode':
        return self


@contextmanager
def fake_values() -> Iterator[ValuesMadeUp]:
    """Let all tensors that are made meanwhile be fake."""
    with ExitStack() as stack:
        # Which bands are empty is read from values, once in a run, on the CPU.
        stack.enter_context(patch('usfm_mm.models.data_preprocessor.empty_bands', lambda *_: ()))
        # Else autocast is off without a driver.
        stack.enter_context(
            patch('torch.cuda.amp.common.amp_definitely_not_available', lambda: False)
        )
        stack.enter_context(patch('torch.cuda.is_bf16_supported', lambda *_, **__: True))
        stack.enter_context(patch('torch.cuda.get_device_capability', lambda *_: (8, 0)))
        # PyTorch chooses a kernel by what the driver tells of the GPU. With a bias, which flash
        # attention does not take, it is this one.
        stack.enter_context(
            patch('torch.nn.functional.scaled_dot_product_attention', efficient_attention)
        )
        stack.enter_context(_OneMode())
        yield stack.enter_context(ValuesMadeUp())


def efficient_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """PyTorch's memory-efficient attention, whatever the device.

    Args:
        query: ``[B, heads, N, D]``.
        key: Likewise.
        value: Likewise.
        attn_mask: Bias that broadcasts to ``[B, heads, N, N]``, in the dtype of the query.
        dropout_p: Of the attention.
        is_causal: As PyTorch takes it.
        scale: Of the logits.

    Raises:
        TypeError: Dtypes differ, which the kernel refuses.
    """
    given = [query, key, value] + ([] if attn_mask is None else [attn_mask])
    if len({tensor.dtype for tensor in given}) > 1:
        raise TypeError(f'attention of {[str(tensor.dtype) for tensor in given]}')
    bias = None
    if attn_mask is not None:
        bias = attn_mask.expand(*query.shape[:2], query.shape[2], key.shape[2])
    out = _ATEN._scaled_dot_product_efficient_attention(
        query, key, value, bias, torch.is_grad_enabled(), dropout_p, is_causal, scale=scale
    )
    return out[0]


def move(model: Any, device: str) -> None:
    """``model.to(device)``, which PyTorch does not do with fake parameters.

    Only what ``model.to`` would move is moved: a tensor that is no parameter and no buffer stays.

    Args:
        model: An mmengine model, with or without a frozen extractor of enhancement.
        device: Such as 'cuda'.
    """
    moved: dict[int, tuple[Tensor, Tensor]] = {}  # with the old one, which keeps its id taken

    def there(tensor: Tensor) -> Tensor:
        if id(tensor) not in moved:
            with torch.no_grad():
                new = tensor.to(device)
            if isinstance(tensor, nn.Parameter):
                new = nn.Parameter(new, tensor.requires_grad)
            moved[id(tensor)] = (new, tensor)
        return moved[id(tensor)][0]

    def walk(module: nn.Module) -> None:
        for part in module.modules():
            for own in (part._parameters, part._buffers):
                for name, tensor in own.items():
                    own[name] = None if tensor is None else there(tensor)  # type: ignore[assignment]
            extractor: Any = getattr(part, 'extractor', None)
            if extractor is not None:  # USFMResnetGenerator's, which is no child
                walk(extractor.encoder)

    walk(model)
    model._set_device(torch.device(device))  # as BaseModel.to does


def _everywhere(mask: Tensor) -> Tensor:
    return mask.new_empty((mask.numel(), mask.ndim), dtype=torch.int64)
