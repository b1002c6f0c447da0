r"""Jahn symbols: index symmetry as a product of vectors, `V`, with brackets around what is symmetric.

`V2` is a product of two vectors, `[V2]` its symmetric and `{V2}` its antisymmetric part;
brackets nest, so `[[V2]2]` is the symmetric square of symmetric matrices (elasticity). In
front, `e` (or `ε`) marks an axial tensor and `a` one that changes sign under time reversal.

Source: H. A. Jahn, Note on the Bhagavantam-Suranarayana method, Acta Cryst. 2, 30 (1949).
"""

import re
from string import digits
from typing import NamedTuple

from cartesian.spec.permutations import SignedPermutation

_TOKEN = re.compile(r"[0-9]+|.", re.ASCII | re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}


class Factor(NamedTuple):
    """A vector, or a bracket: `sign` ±1 and the equal `parts` that it (anti)symmetrises."""

    sign: int = 1
    parts: tuple["Factor", ...] = ()

    @property
    def rank(self) -> int:
        """Number of indices."""
        return sum(part.rank for part in self.parts) or 1

    def generators(self, start: int, total: int) -> list[SignedPermutation]:
        """Exchanges of neighbouring parts, here and inside them, with the first index at `start`."""
        found = []
        size = self.rank // len(self.parts) if self.parts else 1
        for k, part in enumerate(self.parts):
            here = start + k * size
            found += part.generators(here, total)
            if k:
                swap = list(range(total))
                swap[here - size : here + size] = [*range(here, here + size), *range(here - size, here)]
                found.append((tuple(swap), self.sign))
        return found


def read_jahn(symbol: str) -> tuple[int, tuple[SignedPermutation, ...], bool, bool]:
    """Rank, generators, axial and time-odd of a Jahn symbol.

    Raises:
        ValueError: If the symbol cannot be read, or a bracket does not hold equal factors.
    """
    match = re.fullmatch(r"(?P<marks>(?:[eε]|a)*)(?P<body>.*)", symbol.strip(" "), re.DOTALL)
    assert match is not None
    marks = match["marks"].replace("ε", "e")
    if len(set(marks)) != len(marks):
        raise _error(symbol, "'e' (axial) and 'a' (time-odd) stand at most once each")
    tokens = _TOKEN.findall(match["body"])
    factors = _product(symbol, tokens, "")
    if not factors:
        raise _error(symbol, "it has no vector 'V'")
    rank = sum(factor.rank for factor in factors)
    generators: list[SignedPermutation] = []
    start = 0
    for factor in factors:
        generators += factor.generators(start, rank)
        start += factor.rank
    return rank, tuple(generators), "e" in marks, "a" in marks


def _product(symbol: str, tokens: list[str], closing: str) -> list[Factor]:
    """Factors up to the closing bracket; takes what it reads off the front of `tokens`."""
    factors: list[Factor] = []
    while tokens and tokens[0] != closing:
        token = tokens.pop(0)
        if token == "V":
            factor = Factor()
        elif token in _CLOSING:
            factor = _bracket(symbol, tokens, token)
        else:
            raise _error(symbol, f"{token!r} is out of place")
        if tokens and tokens[0][0] in digits:
            power = tokens.pop(0)
            if power[0] == "0" or len(power) > 2:
                raise _error(symbol, f"a power runs from 1 to 99, not {power}")
            factors += [factor] * int(power)
        else:
            factors.append(factor)
    return factors


def _bracket(symbol: str, tokens: list[str], opening: str) -> Factor:
    closing = _CLOSING[opening]
    parts = _product(symbol, tokens, closing)
    if not tokens:
        raise _error(symbol, f"{opening!r} is never closed")
    tokens.pop(0)
    if len(parts) < 2 or len(set(parts)) > 1:
        raise _error(symbol, f"{opening}…{closing} must hold at least two factors, all equal, as in '[V2]'")
    return Factor(1 if opening == "[" else -1, tuple(parts))


def _error(symbol: str, reason: str) -> ValueError:
    return ValueError(
        f"cannot read Jahn symbol {symbol!r}: {reason}. Write 'V', powers 'V2', '[..]' symmetric, '{{..}}' "
        "antisymmetric, and in front 'e' for axial, 'a' for time-odd, as in '[[V2]2]' or 'eV[V2]'"
    )
