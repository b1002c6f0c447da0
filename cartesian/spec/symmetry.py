r"""Index symmetry of a tensor: which permutations of its indices change nothing but a sign.

`"ijkl=jikl=klij"` says $T_{ijkl} = T_{jikl} = T_{klij}$, the symmetry of elasticity; a minus sign
makes it antisymmetric, as in `"ij=-ji"`. The permutations generate a group with a sign for each
element. One that contains the identity with the sign -1 says $T = -T$: it is inconsistent.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import product
from string import ascii_letters

from cartesian.spec.irrep import Irrep
from cartesian.spec.irreps import Irreps
from cartesian.spec.jahn import read_jahn
from cartesian.spec.orbits import Orbit, group_of, orbits, permuted, weights
from cartesian.spec.permutations import SignedGroup, SignedPermutation

MAX_RANK = 26

_TERM = re.compile(r"(?P<sign>[+-]?)\s*(?P<letters>[A-Za-z]+)", re.ASCII)
_JAHN_LETTERS = "ijklmnopqrstuvwxyzabcdefgh"


@dataclass(frozen=True, slots=True)
class IndexSymmetry:
    r"""The index symmetry of a tensor, and how it behaves under inversion and time reversal.

    A generator $(p, s)$ states $T_{i_1 \dots i_n} = s\, T_{i_{p_1} \dots i_{p_n}}$.

    Args:
        letters: Names of the indices, one ASCII letter each.
        generators: Pairs of a permutation of `range(rank)` and a sign ±1.
        axial: Whether the tensor changes sign under reflections beyond the rule of its indices.
        time_odd: Whether it changes sign under time reversal.

    Raises:
        ValueError: If letters repeat, a generator is no signed permutation, or the generators
            combine to $T = -T$.

    Examples:
        >>> elasticity = IndexSymmetry.parse("ijkl=jikl=klij")
        >>> elasticity.dim, elasticity.irreps
        (21, 2x0e+2x2e+1x4e)
        >>> IndexSymmetry.jahn("e{V2}").irreps
        1x1o
    """

    letters: str
    generators: tuple[SignedPermutation, ...] = ()
    axial: bool = False
    time_odd: bool = False

    def __post_init__(self) -> None:
        _check_letters(self.letters, self.letters)
        for permutation, sign in self.generators:
            if sorted(permutation) != list(range(self.rank)) or sign not in (1, -1):
                raise ValueError(
                    f"({permutation}, {sign}) is no signed permutation of {self.rank} indices: "
                    f"give an arrangement of 0 to {self.rank - 1} and a sign 1 or -1"
                )
        if not self.group.is_consistent:
            raise ValueError(
                f"the symmetry {self.formula!r} is inconsistent: its permutations combine to T = -T, "
                "which leaves no tensor but zero; change a sign"
            )

    @classmethod
    def parse(cls, formula: str, axial: bool = False, time_odd: bool = False) -> "IndexSymmetry":
        """Index symmetry from a formula such as `"ijk=jik"` or `"ij=-ji"`."""
        terms = [_read_term(formula, term) for term in formula.split("=")]
        first, letters = terms[0]
        generators: dict[SignedPermutation, None] = {}
        for sign, term in terms[1:]:
            if sorted(term) != sorted(letters):
                raise ValueError(
                    f"{term!r} in {formula!r} is no permutation of {letters!r}: "
                    "every term names the same indices, each once"
                )
            permutation = tuple(letters.index(letter) for letter in term)
            if (permutation, first * sign) != (tuple(range(len(letters))), 1):
                generators[permutation, first * sign] = None
        return cls(letters, tuple(generators), axial, time_odd)

    @classmethod
    def jahn(cls, symbol: str) -> "IndexSymmetry":
        """Index symmetry from a Jahn symbol such as `"[[V2]2]"`, `"V[V2]"` or `"eV2"`."""
        rank, generators, axial, time_odd = read_jahn(symbol)
        _check_rank(symbol, rank)
        return cls(_JAHN_LETTERS[:rank], generators, axial, time_odd)

    @property
    def rank(self) -> int:
        """Number of indices."""
        return len(self.letters)

    @property
    def parity(self) -> int:
        """Sign under inversion: $(-1)^n$, the opposite for an axial tensor."""
        return (-1) ** (self.rank + self.axial)

    @property
    def formula(self) -> str:
        """The symmetry as text that `parse` reads."""
        terms = (
            ("-" if sign < 0 else "") + "".join(self.letters[i] for i in permutation)
            for permutation, sign in self.generators
        )
        return "=".join([self.letters, *terms])

    @property
    def group(self) -> SignedGroup:
        """The group of all permutations of the indices that the generators imply."""
        return group_of(self.rank, self.generators)

    @property
    def dim(self) -> int:
        """Number of independent components."""
        return weights(self.rank, self.generators).total()

    @property
    def irreps(self) -> Irreps:
        r"""The irreducible parts, ascending in degree; all have the parity of the tensor.

        Along an axis the components of a vector have weights 1, 0, -1, so an index tuple has a
        weight $m$; the degree $\ell$ occurs as often as independent components of weight $\ell$
        outnumber those of weight $\ell + 1$.
        """
        counts = weights(self.rank, self.generators)
        return Irreps(
            (count, Irrep(degree, self.parity))
            for degree in range(self.rank + 1)
            if (count := counts[degree] - counts[degree + 1])
        )

    def orbits(self) -> tuple[Orbit, ...]:
        """The independent components, each with all components equal to it up to a sign.

        Returns:
            One orbit per independent component: pairs of an index tuple and a sign, the
            lexicographically smallest first and with the sign 1. Components forced to zero
            are left out. In all there are up to $3^n$ pairs.

        Examples:
            >>> IndexSymmetry.parse("ij=-ji").orbits()[0]
            (((0, 1), 1), ((1, 0), -1))
        """
        return tuple(orbits(product(range(3), repeat=self.rank), self.generators, permuted))

    def __str__(self) -> str:
        marks = ", axial" * self.axial + ", time-odd" * self.time_odd
        return self.formula + marks


def _read_term(formula: str, term: str) -> tuple[int, str]:
    match = _TERM.fullmatch(term.strip(" "))
    if match is None:
        raise ValueError(
            f"cannot read {term.strip(' ')!r} in the index symmetry {formula!r}: write ASCII letters, "
            "one per index, with an optional sign, and '=' between terms, as in 'ijk=jik' or 'ij=-ji'"
        )
    _check_letters(formula, match["letters"])
    return -1 if match["sign"] == "-" else 1, match["letters"]


def _check_letters(formula: str, letters: str) -> None:
    if not letters or not set(letters) <= set(ascii_letters):
        raise ValueError(f"the indices {letters!r} must be ASCII letters, at least one")
    _check_rank(formula, len(letters))
    repeated = [letter for letter, count in Counter(letters).items() if count > 1]
    if repeated:
        raise ValueError(
            f"the index {repeated[0]!r} occurs twice in {letters!r} of {formula!r}: "
            "every index has a name of its own"
        )


def _check_rank(text: str, rank: int) -> None:
    if rank > MAX_RANK:
        raise ValueError(
            f"{text!r} has rank {rank}: a tensor of that rank has {3**MAX_RANK:.0e} or more components; "
            f"ranks up to {MAX_RANK} are taken"
        )
