"""Exact identities: rationals, roots, projectors, couplings. SymPy is loaded only where a result asks for it."""
