"""Color profiles that the tests write themselves (ICC.1:2022)."""

import struct


def profile(color_space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return a display profile of version 2 with these tags."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    d50 = struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    head = struct.pack(">I", size) + bytes(4) + b"\x02\x10\0\0mntr" + color_space + b"XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + d50
    return head.ljust(128, b"\0") + table + body


def gray_profile(gamma: float) -> bytes:
    """Return a profile for gray with this gamma."""
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"gray\0" + bytes(78)
    return profile(b"GRAY", {b"desc": text, b"wtpt": white, b"kTRC": curve})
