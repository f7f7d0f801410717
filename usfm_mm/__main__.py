"""One command for all: ``usfm NAME ...``, also ``python -m usfm_mm NAME ...``."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    'train': ('train', 'train a model from a config'),
    'test': ('test', 'test a checkpoint'),
    'predict': ('predict', 'ask a model about images, DICOM files, clips and volumes'),
    'extract-features': ('extract_features', 'feature vectors of images, DICOM files and clips'),
    'serve': ('serve', 'a page in the browser that asks models about pictures'),
    'index': ('make_index', 'verify images and write their index'),
    'pack': ('pack_images', 'store the images of an index in one file, or unpack them'),
    'prepare': ('prepare_data', 'bring a data set into the layout of the configs'),
    'export-data': ('export_data', 'a prepared data set as nnU-Net raw data or COCO'),
    'build-database': ('build_database', "from scanners' files to a database without private data"),
    'merge-shards': ('merge_shards', 'one database of shards that were built apart'),
    'learn-scanners': ('learn_scanners', 'where the picture lies on known scanners'),
    'remove-images': ('remove_images', 'take patients, files or images out of a database'),
    'review-database': ('review_database', 'sheets of pictures to look at before sharing'),
    'check-overlap': ('check_overlap', 'look for images that two data sets share'),
    'browse': ('browse_dataset', 'draw what the data pipeline makes of images'),
    'configs': ('list_configs', 'list the configs of the package'),
    'doctor': ('doctor', 'what is installed, and what each part needs'),
    'print-config': ('print_config', 'print a config with its bases and options'),
    'report': ('report_run', 'print the losses of a run and draw their curve'),
    'describe': ('describe_model', "what a model's file tells of it"),
    'publish': ('publish_model', 'a trained model as a file to hand on'),
    'export': ('export_model', 'a model as ONNX, for machines without torch'),
    'convert': ('convert_checkpoint', 'write the encoder of a checkpoint in another layout'),
    'knn': ('knn_probe', 'k-NN on frozen features'),
    'experiment': ('experiment', 'run an experiment from pre-training to its tables'),
    'compare': ('compare_methods', 'train and test several methods on the same data'),
    'degrade': ('degrade_images', 'pairs of low and high quality from clear images'),
    'demo-data': ('make_demo_data', 'real frames of pydicom for the demo'),
}
"""Module and purpose of each command, by the name that users type."""
# Of what the system says, where no command says it better.
_REMEDIES = {
    errno.ENOENT: 'check the path',
    errno.ENOSPC: 'make room, then run the same command again',
    errno.EACCES: 'change its permissions, or name another place',
    errno.EROFS: 'name another place',
}

_OF_TRAINING = ('torch', 'torchvision', 'safetensors')


def usage() -> str:
    """The list of commands."""
    lines = [f'  {name:<20} {purpose}' for name, (_, purpose) in COMMANDS.items()]
    head = ['usage: usfm COMMAND ...   (usfm COMMAND --help)', '', 'commands:']
    return '\n'.join([*head, *lines, '', '--debug, after any command, shows where an error arose.'])


def run(module: str, argv: Sequence[str] | None = None) -> None:
    """Run a command; a mistake ends it with one ``error:`` line and status 1.

    Args:
        module: Of :mod:`usfm_mm.commands`.
        argv: What follows the command's name; the process's own arguments by default. ``--debug``
            among them lets errors through.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = '--debug' in arguments
    if debug:
        arguments.remove('--debug')
    try:
        import_module(f'usfm_mm.commands.{module}').main(arguments)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:
        if debug:
            raise
        print(f'error: {_message(error)}', file=sys.stderr)
        kind = type(error)
        ours = kind.__module__.startswith('usfm_mm.')
        if not ours and not isinstance(error, (ValueError, OSError, ImportError, LookupError)):
            print(f'({kind.__name__}, not foreseen: --debug shows where it arose)', file=sys.stderr)
        raise SystemExit(1) from None


def _message(error: Exception) -> str:
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])  # str() would quote it
    if isinstance(error, ModuleNotFoundError) and str(error).startswith('No module named'):
        package = (error.name or '').partition('.')[0]
        if package in _OF_TRAINING:
            return (
                f"{package} is not installed; pip install 'usfm-mm[train]' adds it, "
                'and "usfm doctor" says what else is missing'
            )
        return f'{package} is not installed; "usfm doctor" says what adds it'
    if isinstance(error, OSError) and error.errno and str(error).startswith('[Errno'):
        where = f'{error.filename}: ' if error.filename else ''
        hint = f': {_REMEDIES[error.errno]}' if error.errno in _REMEDIES else ''
        return f'{where}{error.strerror}{hint}'
    return str(error)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that the first argument names."""
    if '_ARGCOMPLETE' in os.environ:  # the shell asks what may follow
        from usfm_mm.completion import complete

        complete(COMMANDS)
    name, *rest = (sys.argv[1:] if argv is None else list(argv)) or ['--help']
    if name in ('-h', '--help'):
        print(usage())
        return
    modules = {module: module for module, _ in COMMANDS.values()}
    modules |= {short: module for short, (module, _) in COMMANDS.items()}
    if name not in modules:
        print(f'error: no command {name!r}\n{usage()}', file=sys.stderr)
        raise SystemExit(2)
    sys.argv[0] = f'usfm {name}'  # what argparse calls the program
    run(modules[name], rest)


if __name__ == '__main__':
    main()
