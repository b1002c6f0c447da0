"""Harmonics as pictures: the value on the unit sphere as a colour, lit from the upper left."""

import io

import numpy as np
from PIL import Image

from cartesian.symbolic.multipoles import harmonic

SIZE = 160
_SAMPLES = 2
_CAMERA = np.array([0.45, 0.35, 1.0])

_POSITIVE = np.array([214.0, 96.0, 28.0])
_NEGATIVE = np.array([38.0, 92.0, 196.0])
_ZERO = np.array([244.0, 243.0, 240.0])


def pictures(degree: int) -> list[bytes]:
    r"""One WebP per order, from $-\ell$ to $\ell$; each is scaled by its own largest value."""
    normals, inside = _sphere(SIZE * _SAMPLES)
    values = np.zeros((*inside.shape, 2 * degree + 1))
    values[inside] = harmonic(degree).evaluate(normals)
    light = np.zeros(inside.shape)
    light[inside] = 0.72 + 0.28 * np.clip(normals @ _unit(np.array([-0.3, 1.0, 0.9])), 0, 1)
    return [_picture(values[..., m], light, inside) for m in range(2 * degree + 1)]


def _picture(values: np.ndarray, light: np.ndarray, inside: np.ndarray) -> bytes:
    scaled = values / max(np.abs(values).max(), 1e-30)
    strength = np.abs(scaled)[..., None] ** 0.8
    colours = np.where(scaled[..., None] > 0, _POSITIVE, _NEGATIVE) * strength + _ZERO * (1 - strength)
    # A thin line where the value changes its sign.
    edge = np.exp(-((scaled / 0.02) ** 2))[..., None] * 0.25
    colours = colours * (1 - edge) * light[..., None]
    pixels = np.concatenate([colours, 255.0 * inside[..., None]], -1).astype(np.uint8)
    image = Image.fromarray(pixels, "RGBA").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    result = io.BytesIO()
    image.save(result, "WEBP", quality=88)
    return result.getvalue()


def _sphere(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Points `(pixels, 3)` of the half sphere that is seen, and which pixels `(size, size)` see it."""
    line = (np.arange(size) + 0.5) / size * 2.04 - 1.02
    right, up = np.meshgrid(line, -line)
    inside = right**2 + up**2 <= 1
    depth = np.sqrt(np.clip(1 - right**2 - up**2, 0, None))
    towards = _unit(_CAMERA)
    across = _unit(np.cross([0.0, 1.0, 0.0], towards))
    above = np.cross(towards, across)
    points = right[..., None] * across + up[..., None] * above + depth[..., None] * towards
    return points[inside], inside


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
