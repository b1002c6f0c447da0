"""The algebra of Cartesian tensors under O(3), exact and fast."""
