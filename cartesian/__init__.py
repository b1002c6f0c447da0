"""The algebra of Cartesian tensors under O(3), exact and fast.

The names promised here are those of `__init__.pyi`. Each is loaded when it is first asked for, so importing
the package costs next to nothing; neither torch nor SymPy is loaded before a result needs it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
