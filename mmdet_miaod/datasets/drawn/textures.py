"""Textures of drawn images: backgrounds and the insides of shapes."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw

Color = tuple[float, float, float]


def muted_color(random: np.random.RandomState) -> Color:
    """A color for backgrounds: of any hue, not vivid."""
    return _color(random.uniform(0, 1), random.uniform(0.15, 0.85), random.uniform(0.0, 0.35))


def vivid_colors(random: np.random.RandomState, hue: float) -> tuple[Color, Color]:
    """Two colors for an object, near a hue in 0..1: the second lighter or darker."""
    hue = hue + random.normal(0, 0.03)
    lightness, saturation = random.uniform(0.3, 0.7), random.uniform(0.6, 1.0)
    other = lightness + random.choice([-1, 1]) * random.uniform(0.08, 0.25)
    return _color(hue, lightness, saturation), _color(hue, other, saturation)


def near_color(random: np.random.RandomState, color: Color, distance: float) -> Color:
    """A muted color about ``distance`` away from another (Euclidean, in 0..255 per channel)."""
    candidates = np.array([muted_color(random) for _ in range(24)])
    distances = np.linalg.norm(candidates - np.array(color), axis=1)
    return tuple(candidates[np.abs(distances - distance).argmin()])


def _color(hue: float, lightness: float, saturation: float) -> Color:
    return tuple(255 * channel for channel in colorsys.hls_to_rgb(hue % 1, lightness, saturation))


def paint(
    random: np.random.RandomState, kind: str, size: tuple[int, int], colors: tuple[Color, Color]
) -> np.ndarray:
    """A texture between two colors.

    Args:
        random: generator.
        kind: key of ``PATTERNS``.
        size: width and height in pixels.
        colors: RGB in 0..255, where the pattern is 0 and where it is 1.

    Returns:
        ``(height, width, 3)`` float32 in 0..255.
    """
    pattern = PATTERNS[kind](random, *size)[..., None].astype(np.float32)
    first, second = (np.array(color, np.float32) for color in colors)
    return pattern * second + (1 - pattern) * first


def smooth_noise(random: np.random.RandomState, width: int, height: int, cells: int) -> np.ndarray:
    """Noise ``(height, width)`` float32 in 0..1 with about ``cells`` hills from side to side."""
    coarse = random.uniform(0, 255, (cells + 1, cells + 1)).astype(np.float32)
    return (
        np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).clip(0, 255)
        / 255
    )


def _plain(random: np.random.RandomState, width: int, height: int) -> np.ndarray:
    return np.full((height, width), random.uniform(0, 0.2))


def _noise(random: np.random.RandomState, width: int, height: int) -> np.ndarray:
    octaves = [smooth_noise(random, width, height, cells) for cells in (3, 7, 15, 40)]
    return sum(weight * octave for weight, octave in zip((0.45, 0.25, 0.18, 0.12), octaves, strict=True))


def _gradient(random: np.random.RandomState, width: int, height: int) -> np.ndarray:
    ramp = _slanted(random, width, height)
    return (ramp - ramp.min()) / (np.ptp(ramp) + 1e-6)


def _stripes(random: np.random.RandomState, width: int, height: int) -> np.ndarray:
    period = random.uniform(0.06, 0.2) * max(width, height) + 4
    wave = np.sin(2 * np.pi * _slanted(random, width, height) / period)
    return (wave * random.uniform(1, 4) / 2 + 0.5).clip(0, 1)


def _blobs(random: np.random.RandomState, width: int, height: int) -> np.ndarray:
    canvas = Image.new('L', (width * 2, height * 2))
    draw = ImageDraw.Draw(canvas)
    for _ in range(random.randint(6, 16)):
        x, y = random.uniform(0, 2 * width), random.uniform(0, 2 * height)
        rx, ry = random.uniform(0.04, 0.22, 2) * 2 * min(width, height)
        draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=int(random.randint(40, 256)))
    blurred = canvas.resize((max(width // 6, 2), max(height // 6, 2)), Image.Resampling.BOX)
    return np.asarray(blurred.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255


def _checks(random: np.random.RandomState, width: int, height: int) -> np.ndarray:
    side = random.uniform(0.05, 0.15) * max(width, height) + 3
    y, x = np.mgrid[:height, :width]
    checks = (np.floor(x / side) + np.floor(y / side)) % 2
    return 0.2 + 0.5 * checks + 0.2 * smooth_noise(random, width, height, 4)


def _slanted(random: np.random.RandomState, width: int, height: int) -> np.ndarray:
    angle = random.uniform(0, np.pi)
    y, x = np.mgrid[:height, :width]
    return np.cos(angle) * x + np.sin(angle) * y + 0.05 * width * smooth_noise(random, width, height, 3)


PATTERNS = {
    'plain': _plain,
    'noise': _noise,
    'gradient': _gradient,
    'stripes': _stripes,
    'blobs': _blobs,
    'checks': _checks,
}
