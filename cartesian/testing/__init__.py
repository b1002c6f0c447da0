"""Laws that any function can be asked to obey, on drawn inputs: for us and for whoever builds on us."""

from cartesian.testing import strategies as strategies
from cartesian.testing.arguments import Features as Features
from cartesian.testing.arguments import Full as Full
from cartesian.testing.arguments import Positions as Positions
from cartesian.testing.laws import assert_equivariant as assert_equivariant
from cartesian.testing.laws import assert_gradients as assert_gradients
from cartesian.testing.laws import assert_same as assert_same
from cartesian.testing.tolerances import tolerance as tolerance
