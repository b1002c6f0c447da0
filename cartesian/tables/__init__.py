"""Exact objects as numbers: read-only float64 arrays."""

from cartesian.tables.lookup import coupling as coupling
from cartesian.tables.lookup import frame as frame
