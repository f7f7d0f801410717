"""Whatever is done with an encoder, as a whole: every way gives what the plain forward gives."""

import copy
import io
import pickle
import shutil
import warnings

import pytest
import torch
from torch.func import functional_call

from usfm_mm.models import USFMViT

ARCH = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
KINDS = {
    'shared': {},
    'per block': dict(use_rel_pos_bias=True, use_shared_rel_pos_bias=False),
    'fused': dict(fused_attention=True),
    'plain': dict(layer_scale_init_value=0, with_cls_token=False),
}
SIZES = {'own size': (64, 48), 'other size': (96, 64), 'no multiple': (61, 50)}
BATCHES = (1, 2, 5)

new_export = pytest.mark.skipif(torch.__version__ < '2.4', reason='no dynamic batch in export yet')


def encoder(kind='shared', **options):
    torch.manual_seed(0)
    settings = dict(arch=ARCH, img_size=(64, 48), in_channels=1, out_type='featmap')
    model = USFMViT(**settings, **KINDS[kind], **options)
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn(parameter.shape))
    return model.eval()


def images(size=(64, 48), batch=2):
    return torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(batch))


kinds = pytest.mark.parametrize('kind', KINDS)
sizes = pytest.mark.parametrize('size', SIZES.values(), ids=SIZES)


def assert_like_eager(run, model, size):
    for batch in BATCHES:
        x = images(size, batch)
        with torch.no_grad():
            torch.testing.assert_close(run(x), model(x)[0], rtol=1e-3, atol=1e-3)


@kinds
@sizes
def test_forward_and_backward(kind, size):
    model = encoder(kind, drop_path_rate=0.1).train()
    (out,) = model(images(size))
    assert out.isfinite().all()
    out.square().sum().backward()
    idle = [name for name, p in model.named_parameters() if not p.grad.abs().sum()]
    # Without class token its rows of the table have nothing to do, the others have.
    assert not idle


@kinds
@pytest.mark.parametrize('dtype', [torch.half, torch.bfloat16])
def test_low_precision(kind, dtype):
    model, x = encoder(kind), images()
    expected = model(x)[0]
    try:
        (low,) = copy.deepcopy(model).to(dtype)(x.to(dtype))
    except RuntimeError as error:
        pytest.skip(f'this torch has no {dtype} on a CPU: {error}')
    assert low.dtype == dtype
    # bfloat16 has 8 bits: 2 % of the spread of the values.
    assert (low.float() - expected).abs().max() < 0.05 * expected.std() + 0.05
    with torch.autocast('cpu', torch.bfloat16):
        (mixed,) = model(x)
    assert (mixed.float() - expected).abs().max() < 0.05 * expected.std() + 0.05


@kinds
def test_copies(kind):
    model, x = encoder(kind), images()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x)[0], model(x)[0])


@kinds
@sizes
def test_channels_last(kind, size):
    model, x = encoder(kind), images(size)
    expected = model(x)[0]
    model.to(memory_format=torch.channels_last)
    out = model(x.to(memory_format=torch.channels_last))[0]
    torch.testing.assert_close(out, expected)


@kinds
def test_inference_mode_then_training(kind):
    model, x = encoder(kind), images()
    with torch.inference_mode():
        expected = model(x)[0].clone()
    (out,) = model.train()(x)
    torch.testing.assert_close(out, expected)
    out.sum().backward()


@kinds
def test_functional_call(kind):
    model, x = encoder(kind), images()
    double = {name: 2 * value for name, value in model.named_parameters()}
    expected = copy.deepcopy(model)
    for value in expected.parameters():
        value.data.mul_(2)
    torch.testing.assert_close(functional_call(model, double, (x,))[0], expected(x)[0])


@kinds
@pytest.mark.slow
@pytest.mark.skipif(shutil.which('g++') is None, reason='no compiler')
def test_compiled_follows_its_weights(kind):
    model = encoder(kind)
    # What could be stale is decided before the backend, whose half minute one kind alone has.
    run = torch.compile(model, backend='inductor' if kind == 'shared' else 'aot_eager')
    assert_like_eager(lambda x: run(x)[0], model, (64, 48))
    weights = {name: value * 1.1 for name, value in model.named_parameters()}
    model.load_state_dict(weights, strict=False)
    assert_like_eager(lambda x: run(x)[0], model, (64, 48))


@kinds
@sizes
@new_export
def test_export(kind, size):
    model = encoder(kind)
    shape = dict(x={0: torch.export.Dim('batch', min=1, max=64)})
    program = torch.export.export(model, (images(size),), dynamic_shapes=shape).module()
    assert_like_eager(lambda x: program(x)[0], model, size)


@kinds
@sizes
def test_trace(kind, size):
    model = encoder(kind)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        run = torch.jit.trace(model, images(size), check_trace=True)
    assert_like_eager(lambda x: run(x)[0], model, size)


# The newer exporter takes seconds: all sizes of one kind, one size of the others.
ONNX = [(False, kind, size) for kind in KINDS for size in SIZES]
ONNX += [(True, 'shared', size) for size in SIZES]
ONNX += [(True, kind, 'other size') for kind in KINDS if kind != 'shared']


@pytest.mark.parametrize(('dynamo', 'kind', 'size'), ONNX)
def test_onnx(kind, size, dynamo):
    size = SIZES[size]
    if torch.__version__ < '2.6' and (dynamo or kind == 'fused'):
        pytest.skip('this torch does not export it')
    for package in ('onnx', 'onnxruntime', *(['onnxscript'] if dynamo else [])):
        pytest.importorskip(package)
    import onnxruntime

    model, file = encoder(kind), io.BytesIO()
    options = dict(input_names=['x'], output_names=['y'])
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        if dynamo:
            shape = ({0: torch.export.Dim('batch', min=1, max=64)},)
            program = torch.onnx.export(
                model, (images(size),), dynamo=True, dynamic_shapes=shape, verbose=False, **options
            )
            file.write(program.model_proto.SerializeToString())
        else:
            if torch.__version__ >= '2.5':
                options['dynamo'] = False
            axes = dict(x={0: 'batch'}, y={0: 'batch'})
            torch.onnx.export(
                model, images(size), file, dynamic_axes=axes, opset_version=17, **options
            )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=['CPUExecutionProvider'])
    assert_like_eager(
        lambda x: torch.from_numpy(session.run(None, {'x': x.numpy()})[0]), model, size
    )
