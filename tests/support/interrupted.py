"""Build in a process that can be killed: interrupted.py SOURCE OUT FOLDER WORKERS [SHARD]."""

import sys
from pathlib import Path

from support.made_up import run, without_text_search
from usfm_mm.database import listing
from usfm_mm.database.shards import Shard
from usfm_mm.database.workers import Cluster

if __name__ == '__main__':
    source, out, folder = map(Path, sys.argv[1:4])
    listing.CHUNK_FILES = 4  # so that a life is longer than a chunk
    with without_text_search():
        cluster = Cluster(workers=int(sys.argv[4]))
        shard = Shard.of(sys.argv[5]) if len(sys.argv) > 5 else None
        run([source], out, folder, cluster=cluster, shard=shard)
