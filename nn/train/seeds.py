"""Seeds that are functions of step and process: a run that goes on draws what it would have drawn."""

import torch


def draw_at(*numbers: int) -> None:
    """Let everything drawn from here on depend on these numbers alone, such as seed, step and process."""
    torch.manual_seed(combine(*numbers))


def combine(*numbers: int) -> int:
    """A seed from several numbers, 64 bits, by the finaliser of splitmix64.

    Source:
        G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014.

    Examples:
        >>> combine(0, 1) == combine(0, 1), combine(0, 1) == combine(1, 0)
        (True, False)
    """
    value = 0
    for number in numbers:
        value = (value + number + 0x9E3779B97F4A7C15) % 2**64
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
        value ^= value >> 31
    return value
