"""Rows that belong to groups, as atoms to elements."""

from typing import Any, NamedTuple


class Groups(NamedTuple):
    """Rows sorted by group: `order`, `(rows,)`, and `starts`, `(groups + 1,)`; int64."""

    order: Any
    starts: Any

    @property
    def of_rows(self) -> Any:
        """Group of every row, in torch."""
        import torch

        counts = self.starts[1:] - self.starts[:-1]
        sorted_groups = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
        return torch.empty_like(sorted_groups).index_copy(0, self.order, sorted_groups)


def sort_groups(groups: Any, count: int) -> Groups:
    """Check the group of every row, a tensor of torch, and sort the rows.

    Raises:
        TypeError: If the groups are not integers.
        ValueError: If one is out of range; on other devices than the CPU and in compiled code a RuntimeError.
    """
    import torch

    if groups.is_floating_point() or groups.dtype == torch.bool or groups.is_complex():
        raise TypeError(f"species are integers, not {groups.dtype}")
    if torch.compiler.is_compiling() or groups.device.type != "cpu":
        # Elsewhere a look at the numbers would wait for the device.
        torch._assert_async(((groups >= 0) & (groups < count)).all(), f"species outside of 0 to {count - 1}")
    elif len(groups) and (int(groups.min()) < 0 or int(groups.max()) >= count):
        raise ValueError(
            f"species run from {int(groups.min())} to {int(groups.max())}, but there are weights for {count}"
        )
    ordered, order = torch.sort(groups.long(), stable=True)
    return Groups(order, torch.searchsorted(ordered, torch.arange(count + 1, device=groups.device)))
