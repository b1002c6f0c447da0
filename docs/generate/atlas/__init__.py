"""The atlas: pages that the exact core writes at every build, each number from the source the kernels use."""
