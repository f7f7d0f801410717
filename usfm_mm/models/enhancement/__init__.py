"""The CycleGAN generator with a frozen encoder."""
