"""From folders of images to an index: scan, verify, split, pack. No torch, no mm*."""
