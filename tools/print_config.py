"""Print a config with its bases and options merged in: python tools/print_config.py CONFIG."""

import argparse

from mmengine.config import Config, DictAction

from usfm_mm.apis.config import set_data_root


def main() -> None:
    """Print."""
    parser = argparse.ArgumentParser(description='Print a whole config.')
    parser.add_argument('config', help='config file')
    parser.add_argument('--data-root', help='data folder, in place of the one in the config')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...'
    )
    args = parser.parse_args()
    cfg = Config.fromfile(args.config)
    if args.data_root:
        set_data_root(cfg, args.data_root)
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    print(cfg.pretty_text)


if __name__ == '__main__':
    main()
