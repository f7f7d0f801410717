"""From a folder of images to an index: scan, verify, split, report, pack. No torch, no mm*."""
