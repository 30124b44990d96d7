"""Makes downloads/film.webm: half a minute of a sky from night to noon.

pip install av
python make_film.py
"""

import math
import random
from pathlib import Path

import av

FILM = Path(__file__).with_name("downloads") / "film.webm"
WIDTH, HEIGHT = 320, 180
SECONDS, RATE = 30, 10
QUICKLY = {"deadline": "realtime", "cpu-used": "16", "threads": "1"}
SUN_RADIUS = 18
GRAIN = 7  # levels of brightness


def main() -> None:
    with av.open(FILM, "w") as film:
        video = film.add_stream("libvpx", rate=RATE, options=QUICKLY)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate, video.gop_size = 2_000_000, RATE
        for at in range(SECONDS * RATE):
            film.mux(video.encode(frame(at / (SECONDS * RATE))))
        film.mux(video.encode(None))
    print(f"{FILM.name}: {FILM.stat().st_size / 1e6:.1f} MB")


def frame(time: float) -> av.VideoFrame:
    """The sky at a time from 0 (night) to 1 (noon): brightness, and two colours."""
    sun = WIDTH * time, HEIGHT * (1 - 0.8 * math.sin(time * math.pi / 2))
    sky = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    rows = b"".join(brightness(row, time, *sun) for row in range(HEIGHT))
    blue, red = bytes([128 + int(30 * time)]), bytes([150 - int(50 * time)])
    fill(sky.planes[0], rows)
    fill(sky.planes[1], blue * (WIDTH * HEIGHT // 4))
    fill(sky.planes[2], red * (WIDTH * HEIGHT // 4))
    return sky


def brightness(row: int, time: float, sun_x: float, sun_y: float) -> bytes:
    """One row of pixels."""
    level = int(20 + 150 * time + 40 * row / HEIGHT * (1 - time))
    pixels = bytearray(grain(level))
    height = abs(row - sun_y)
    if height < SUN_RADIUS:
        half = math.sqrt(SUN_RADIUS**2 - height**2)
        first, last = max(0, int(sun_x - half)), min(WIDTH, int(sun_x + half))
        pixels[first:last] = grain(235 - GRAIN)[: max(0, last - first)]
    return bytes(pixels)


NOISE = random.Random(1).choices(range(GRAIN), k=1 << 12)
NOISY = [bytes(level + noise for noise in NOISE) for level in range(256 - GRAIN)]
PLACES = random.Random(2)


def grain(level: int) -> bytes:
    """A row of this brightness, never the same twice."""
    start = PLACES.randrange(len(NOISE) - WIDTH)
    return NOISY[level][start : start + WIDTH]


def fill(plane: av.video.plane.VideoPlane, pixels: bytes) -> None:
    """A plane's rows may be longer in memory than the picture is wide."""
    rest = bytes(plane.line_size - plane.width)
    starts = range(0, len(pixels), plane.width)
    plane.update(b"".join(pixels[at : at + plane.width] + rest for at in starts))


if __name__ == "__main__":
    main()
