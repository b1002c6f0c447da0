"""Ways to run a program: NumPy, torch, generated C, generated Triton."""
