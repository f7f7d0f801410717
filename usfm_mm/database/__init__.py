"""From scanners' files to grey pictures free of private data, ready to pre-train on."""
