"""Every target that can be run here, loaded with every stream and read back: see :mod:`scripts.targets.__main__`."""
