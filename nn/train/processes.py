"""Several processes that train one model, started by `torchrun`; or one, with nothing to share."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import clear_frames

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

    def any(self, flag: bool) -> bool:
        """Whether it is so in one process at least."""
        return flag if self.world == 1 else bool(self.sum(torch.tensor(float(flag), device=self.device)))

    def of_first(self, value: float) -> float:
        """The value in the first process."""
        own = torch.tensor(value if self.is_first else 0.0, dtype=torch.float64, device=self.device)
        return float(self.sum(own))

    def wait(self) -> None:
        """Wait until all are here."""
        if self.world > 1:
            torch.distributed.barrier()


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """Products of float32 matrices are as precise as torch calls it, for a while."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


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
    except BaseException as error:
        _clear_chain(error)
        raise
    finally:
        # Nobody else may hold the group by now: one that ends in the destructor of another object waits there
        # for threads that wait for this one. So no frame and no cycle of objects may keep a wrapped module.
        gc.collect()
        torch.distributed.destroy_process_group()


def _clear_chain(error: BaseException | None) -> None:
    """Clear the frames of an exception and of those during whose handling it was raised, shown or not."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__context__
