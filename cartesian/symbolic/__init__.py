"""Exact identities: rationals, roots, projectors, couplings."""
