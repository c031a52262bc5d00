"""Find mutated images that break Pillow in different ways: `python -m tests.core.make_corpus`.

Writes the smallest mutant for each format and each kind of failure into `corpus/`.
"""

import io
import re
import resource
from pathlib import Path
from random import Random

from PIL import Image

from tests.core.hostile import SEEDS

ROUNDS = 40_000
MAX_BYTES = 1500


def mutated(seed: bytes, random: Random) -> bytes:
    """Flip, delete, repeat or overwrite a few bytes."""
    data = bytearray(seed)
    for _ in range(random.randint(1, 6)):
        place = random.randrange(len(data))
        match random.randrange(5):
            case 0:
                data[place] ^= 1 << random.randrange(8)
            case 1:
                data[place : place + 4] = random.choice(
                    [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"]
                )
            case 2:
                del data[place : place + random.randint(1, 40)]
            case 3:
                data[place:place] = data[place : place + random.randint(1, 40)]
            case _:
                data[place] = random.randrange(256)
        if not data:
            return b"\0"
    return bytes(data)


def failure(data: bytes) -> str | None:
    """Return how plain Pillow fails to open, decode or walk an image; None if it does not."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > 2_000_000:
                return f"{image.format}-bomb"
            for index in range(min(getattr(image, "n_frames", 1), 50)):
                image.seek(index)
                image.load()
            image.getexif().tobytes()
    except Exception as error:
        reason = re.sub(r"[^a-z]+", "-", str(error).lower())[:40].strip("-")
        return f"{type(error).__name__}-{reason}"
    return None


def main() -> None:
    """Search, and write the corpus; needing more than a gigabyte is a failure too."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    random = Random(20261123)
    mutants: dict[str, bytes] = {}
    for _ in range(ROUNDS):
        seed = random.choice(SEEDS)
        data = mutated(seed, random)
        if len(data) > MAX_BYTES or (kind := failure(data)) is None:
            continue
        name = f"{seed[:12].hex()[:8]}-{kind}"
        if name not in mutants or len(data) < len(mutants[name]):
            mutants[name] = data
    folder = Path(__file__).parent / "corpus"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in mutants.items():
        (folder / name).write_bytes(data)
    print(f"{len(mutants)} files, {sum(map(len, mutants.values()))} bytes")


if __name__ == "__main__":
    main()
