"""Summed convolutions along directions: coupling tables against the direction chain, degrees to 8.

Natural parity, features of degrees 0 to L and all harmonics, up to 2 L, which is what a chain spans. Counted
are multiply-adds per edge and channel; in the last columns, what both would be if they grew like L³ and L⁵
from L = 2. Going down and up costs ~ L³, weighing ~ L⁴/6, which at L = 8 is still less than half of all.
Weights come from memory; the time to add them up shows how much of the forward pass that is.
"""

import numpy as np
import torch

from benchmarks.convolution import natural
from benchmarks.timing import Case, interleaved, leaf
from cartesian.kernels.edges import sort_edges
from cartesian.ops.directions import chain_weights, convolve_directions
from cartesian.programs.build import convolution
from cartesian.programs.chain import Chain
from cartesian.programs.program import Program

# Weights of all degrees fit into the same memory.
EDGES = {1: 8000, 2: 4000, 3: 2000, 4: 1000, 5: 500, 6: 500, 7: 250, 8: 250}
CHANNELS, NEIGHBOURS = 64, 20
# Compiling the couplings beyond takes minutes.
TIMED_COUPLINGS, TIMED_TRAINING = 4, 3


def cases(degree: int) -> list[Case]:
    """The chain with weights of its own and of paths, and couplings."""
    features = natural(degree, CHANNELS)
    program = convolution(features, 2 * degree, features, kind="summed")
    edges, generator = EDGES[degree], torch.Generator().manual_seed(0)
    nodes = edges // NEIGHBOURS
    senders, receivers = torch.randint(0, nodes, (2, edges), generator=generator)
    index = sort_edges(senders, receivers, nodes)
    directions = torch.nn.functional.normalize(torch.randn(edges, 3, generator=generator)).requires_grad_()
    weights = leaf(edges, program.row(0), dtype=torch.float32, seed=1)
    chain = Chain(program, "chain")
    inputs = {
        "features": leaf(nodes, program.row(1), dtype=torch.float32, seed=2),
        "directions": directions,
        "weights": weights,
    }
    converted = inputs | {"weights": chain_weights(chain, weights.detach()).requires_grad_()}
    positions = ("directions", "weights")
    found = [Case("chain", lambda x, u, w: convolve_directions(chain, x, u, w, index), converted, positions)]
    if degree <= TIMED_COUPLINGS:
        for name, method in (("chain, weights of paths", "chain"), ("couplings", "coupling")):

            def run(x, u, w, method=method):
                return convolve_directions(program, x, u, w, index, method)

            found.append(Case(name, run, inputs, positions))
    return found


def couplings(program: Program) -> int:
    """Multiply-adds per edge and channel, those for all channels left out."""
    return sum(
        int(np.count_nonzero(np.abs(term.table).sum(axis=1))) + 2 * min(term.degrees[0], term.degrees[2]) + 1
        for term in program.form.terms
    )


def main(
    degrees: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8), compiled: bool = True, seconds: float = 0.5
) -> list[dict]:
    """Count and time; one row per degree. `compiled` makes no difference."""
    del compiled
    torch.set_num_threads(1)
    rows = []
    for degree in degrees:
        features = natural(degree, 1)
        program = convolution(features, 2 * degree, features, kind="summed")
        row: dict[str, float] = {
            "degree": degree,
            "paths": len(program.form.terms),
            "couplings": couplings(program),
            "chain": Chain(program, "chain").multiply_adds,
            "converting": Chain(program, "paths").multiply_adds,
        }
        here = cases(degree)
        for mode in ("forward", "training step") if degree <= TIMED_TRAINING else ("forward",):
            runs = {case.name: case.modes()[mode] for case in here}
            if mode == "forward":
                weights = here[0].leaves["weights"].detach()
                runs["reading weights"] = weights.sum
            for name, milliseconds in interleaved(runs, seconds).items():
                row[f"{mode}, {name}"] = 1e6 * milliseconds / EDGES[degree]
        rows.append(row)
        print(row, flush=True)
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: counts, then nanoseconds per edge."""
    two = next(row for row in rows if row["degree"] == 2)
    lines = [
        "| L | paths | couplings | chain | chain, weights of paths | chain like L³ | couplings like L⁵ |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        ratio = row["degree"] / 2
        lines.append(
            f"| {row['degree']} | {row['paths']} | {row['couplings']} | {row['chain']} | {row['converting']} "
            f"| {two['chain'] * ratio**3:.0f} | {two['couplings'] * ratio**5:.0f} |"
        )
    names = list(dict.fromkeys(name for row in rows for name in row if "," in name))
    lines += ["", "Nanoseconds per edge, 64 channels, float32:", "", f"| L | {' | '.join(names)} |"]
    lines.append("| --- |" + " --- |" * len(names))
    for row in rows:
        cells = [f"{row[name]:.0f}" if name in row else "–" for name in names]
        lines.append(f"| {row['degree']} | {' | '.join(cells)} |")
    return "\n".join(lines)
