"""Stateless operations on NumPy arrays and torch tensors."""
