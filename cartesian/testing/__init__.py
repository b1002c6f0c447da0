"""Drawn tests for equivariant functions."""
