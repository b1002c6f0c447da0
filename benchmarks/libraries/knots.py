"""Our models with splines in place of radial networks, through which the networks are trained."""

from functools import partial

from benchmarks.libraries import ours

MODELS = {name: partial(ours.make, name, knots=256) for name in ("MACE", "NequIP", "HotPP", "ICTP")}
