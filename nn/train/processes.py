"""Several processes that train one model, started by `torchrun`; or one, with nothing to share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """This process among all.

    Attributes:
        rank: Its number; 0 writes files.
        world: How many there are.
        device: On which it computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module whose backward pass averages gradients over the processes."""
        if self.world == 1:
            return module
        # Some models have parameters that no result depends on, such as tensors of a last layer.
        return nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.world > 1:
            values = values.clone()
            torch.distributed.all_reduce(values)
        return values

    def wait(self) -> None:
        """Wait until all are here."""
        if self.world > 1:
            torch.distributed.barrier()


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """The processes of this run, as `torchrun` says in the environment."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    if world == 1:
        yield Processes(0, 1, torch.device(device))
        return
    torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Processes(rank, world, torch.device(device))
    finally:
        torch.distributed.destroy_process_group()
