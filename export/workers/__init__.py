"""Scripts that run inside a toolchain's environment. Knows nothing; the device side starts them by path."""
