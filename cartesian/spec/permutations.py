r"""Groups of signed permutations: their order, their members, their stabilisers.

A signed permutation is a pair $(p, s)$ of a tuple $p$, which sends $i$ to $p_i$, and a sign $s = \pm 1$.
Products compose the permutations and multiply the signs. A group that contains the identity
with the sign $-1$ allows nothing but zero; it is *inconsistent*.

The group is kept as a chain of stabilisers, $H_k$ the elements that move only the first $k$
points: $H_0 \subset H_1 \subset \dots \subset H_n$. Each step holds one element of $H_{k+1}$ for every image
of the point $k$, and every element of the group is in one way a product of these.

Source: D. E. Knuth, Efficient representation of perm groups, Combinatorica 11, 33 (1991).
"""

from collections.abc import Iterable, Sequence
from math import prod

Permutation = tuple[int, ...]
SignedPermutation = tuple[Permutation, int]


class SignedGroup:
    """The group that signed permutations of `points` points generate.

    Examples:
        >>> group = SignedGroup(3, [((1, 0, 2), 1), ((1, 2, 0), 1)])
        >>> group.order, group.sign((2, 1, 0)), group.is_consistent
        (6, 1, True)
    """

    def __init__(self, points: int, generators: Iterable[SignedPermutation]) -> None:
        self.points = points
        self.is_consistent = True
        self._generators: list[list[SignedPermutation]] = [[] for _ in range(points)]
        self._images: list[dict[int, SignedPermutation]] = [
            {point: (tuple(range(points)), 1)} for point in range(points)
        ]
        for generator in generators:
            self._add(generator, points - 1)

    @property
    def order(self) -> int:
        """Number of different permutations."""
        return prod(len(images) for images in self._images)

    def sign(self, permutation: Sequence[int]) -> int:
        """Sign of a permutation in a consistent group; 0 if the group does not contain it."""
        rest, sign = self._sift((tuple(permutation), 1), self.points - 1)
        return sign if rest == tuple(range(self.points)) else 0

    def images(self, point: int) -> dict[int, SignedPermutation]:
        """One element for each image of `point`, out of those that fix every later point."""
        return self._images[point]

    def _sift(self, element: SignedPermutation, top: int) -> SignedPermutation:
        """What is left of an element after taking out a factor at each step from `top` down."""
        for point in range(top, -1, -1):
            image = element[0][point]
            if image != point:
                factor = self._images[point].get(image)
                if factor is None:
                    break
                element = _times(_inverse(factor), element)
        return element

    def _add(self, element: SignedPermutation, top: int) -> None:
        rest, sign = self._sift(element, top)
        if rest == tuple(range(self.points)):
            self.is_consistent &= sign == 1
            return
        self._generators[top].append(element)
        for image in list(self._images[top].values()):
            self._extend(_times(element, image), top)

    def _extend(self, element: SignedPermutation, top: int) -> None:
        image = self._images[top].get(element[0][top])
        if image is not None:
            self._add(_times(_inverse(image), element), top - 1)
            return
        self._images[top][element[0][top]] = element
        for generator in self._generators[top]:
            self._extend(_times(generator, element), top)


def _times(left: SignedPermutation, right: SignedPermutation) -> SignedPermutation:
    return tuple([left[0][i] for i in right[0]]), left[1] * right[1]


def _inverse(element: SignedPermutation) -> SignedPermutation:
    result = [0] * len(element[0])
    for i, image in enumerate(element[0]):
        result[image] = i
    return tuple(result), element[1]
