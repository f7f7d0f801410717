"""Files that every part shares: images, packed store, index, atomic writing. No torch, no mm*."""
