"""An ONNX graph whose matrix products are of 8 bits, by ONNX Runtime."""

import logging
import tempfile
from pathlib import Path

from usfm_mm.inference.onnx_model import INT8_KEY
from usfm_mm.io.optional import optional_import

_PRODUCTS = ['MatMul', 'Gemm']


def quantised(content: bytes) -> bytes:
    """Dynamic quantisation: weights become int8, by channel; intensities when the graph runs.

    Matrix products are quantised, which are most of a ViT. Convolutions are not.

    Args:
        content: ONNX file of :func:`~usfm_mm.models.export.export_onnx`.

    Returns:
        The same with its card, and a mark by which
        :class:`~usfm_mm.inference.onnx_model.OnnxModel` knows it.

    Raises:
        ModuleNotFoundError: If onnx or onnxruntime is not installed.
    """
    onnx = optional_import('onnx', 'exporting a model', 'usfm-mm[export]')
    tool = optional_import('onnxruntime.quantization', 'quantisation', 'usfm-mm[export]')
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, 'float.onnx'), Path(folder, 'int8.onnx')
        source.write_bytes(content)
        root = logging.getLogger()
        level = root.level
        root.setLevel(logging.ERROR)  # it advises a step that is not needed
        try:
            tool.quantize_dynamic(
                source,
                target,
                per_channel=True,
                weight_type=tool.QuantType.QInt8,
                op_types_to_quantize=_PRODUCTS,
            )
        finally:
            root.setLevel(level)
        proto = onnx.load(target)
    properties = {one.key: one.value for one in onnx.load_from_string(content).metadata_props}
    onnx.helper.set_model_props(proto, {**properties, INT8_KEY: 'dynamic'})
    return proto.SerializeToString()
