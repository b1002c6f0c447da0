"""A stand-in for the data that LAMMPS hands to a unified model, on several ranks that are threads."""

from threading import Barrier, Thread

import numpy as np
import torch


class Rank:
    """The documented data of one rank; arrays are NumPy's, features are exchanged through shared memory."""

    def __init__(self, world, number, own, ghosts, elems, pairs, rij):
        self.world, self.number, self.ghosts = world, number, ghosts
        self.nlistatoms = self.nlocal = len(own)
        self.ntotal = len(own) + len(ghosts)
        self.own, self.elems = own, elems
        self.pair_i, self.pair_j, self.rij = pairs[0], pairs[1], rij
        self.npairs = len(rij)
        self.eatoms, self.energy, self.forces = np.zeros(len(own)), 0.0, np.zeros((self.ntotal, 3))

    def update_pair_forces(self, fij):
        np.add.at(self.forces, self.pair_i, fij)
        np.subtract.at(self.forces, self.pair_j, fij)

    def forward_exchange(self, source, target, length):
        assert source.shape == target.shape == (self.ntotal, length)
        shared = self.world.share(self.number, source)
        target[: self.nlocal] = source[: self.nlocal]
        for row, (rank, place) in enumerate(self.ghosts, self.nlocal):
            target[row] = shared[rank][place]
        self.world.barrier.wait()

    def reverse_exchange(self, source, target, length):
        assert source.shape == target.shape == (self.ntotal, length)
        shared = self.world.share(self.number, source)
        target.zero_()
        target[: self.nlocal] = source[: self.nlocal]
        for other in self.world.ranks:
            for row, (rank, place) in enumerate(other.ghosts, other.nlocal):
                if rank == self.number:
                    target[place] += shared[other.number][row]
        self.world.barrier.wait()


class World:
    """All ranks of a periodic structure; `owner` says which rank has an atom."""

    def __init__(self, graph, elements, owner):
        self.count = int(max(owner)) + 1
        self.barrier = Barrier(self.count, timeout=60)
        self.shared = [None] * self.count
        self.owner = np.asarray(owner)
        self.atoms = [np.flatnonzero(self.owner == rank) for rank in range(self.count)]
        index = np.zeros(len(owner), dtype=int)
        for own in self.atoms:
            index[own] = np.arange(len(own))
        elems = np.searchsorted(elements, graph.atomic_numbers.numpy())
        receivers, senders = graph.receivers.numpy(), graph.senders.numpy()
        shifts, vectors = graph.shifts.numpy(), graph.vectors.numpy()
        self.ranks = []
        for rank, own in enumerate(self.atoms):
            ghosts: dict[tuple, int] = {}
            kinds, pairs, rij = list(elems[own]), [], []
            for i, j, shift, vector in zip(receivers, senders, shifts, vectors, strict=True):
                if self.owner[i] != rank:
                    continue
                place = index[j]
                if self.owner[j] != rank or shift.any():
                    key = (j, *shift)
                    if key not in ghosts:
                        ghosts[key] = len(own) + len(ghosts)
                        kinds.append(elems[j])
                    place = ghosts[key]
                pairs.append((index[i], place))
                rij.append(-vector)
            owners = [(self.owner[key[0]], index[key[0]]) for key in ghosts]
            # LAMMPS lists pairs by atom, but promises no more.
            order = np.random.default_rng(rank).permutation(len(pairs))
            columns = np.array(pairs, dtype=np.int32).reshape(-1, 2)[order].T
            data = np.array(rij, dtype=np.float64).reshape(-1, 3)[order]
            self.ranks.append(Rank(self, rank, own, owners, np.array(kinds, dtype=np.int32), columns, data))

    def share(self, rank, rows):
        self.shared[rank] = rows.clone()
        self.barrier.wait()
        shared = list(self.shared)
        self.barrier.wait()
        return shared

    def run(self, potentials):
        """Every rank computes with its own potential; energies and forces of all atoms, ghosts sent home."""
        errors = []

        def work(potential, data):
            try:
                potential.compute_forces(data)
            except BaseException as error:
                errors.append(error)
                self.barrier.abort()

        threads = [Thread(target=work, args=pair) for pair in zip(potentials, self.ranks, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        energies, forces = np.zeros(len(self.owner)), np.zeros((len(self.owner), 3))
        for data, own in zip(self.ranks, self.atoms, strict=True):
            energies[own] = data.eatoms
            forces[own] += data.forces[: data.nlocal]
            for row, (rank, place) in enumerate(data.ghosts, data.nlocal):
                forces[self.atoms[rank][place]] += data.forces[row]
        return energies, forces, sum(data.energy for data in self.ranks)


def random_crystal(elements, cutoff, atoms=8, seed=0):
    """A crystal in which every atom sees images of itself and of others."""
    from cartesian.nn.data.batching import to_graph

    rng = np.random.default_rng(seed)
    sites = 1.7 * np.array(list(np.ndindex(2, 2, 2)))[:atoms] + rng.uniform(-0.2, 0.2, (atoms, 3))
    return to_graph(sites, rng.choice(elements, atoms), cutoff, 3.4 * np.eye(3), True, dtype=torch.float64)
