"""The envelope of a bits-back message: its kind, its numbers, its stack of bits, and a digest of all.

``RDBB``, 16 bytes of the SHA-256 of what follows, the kind (one byte), how many bytes of fields (one byte),
the fields, then the stack as little-endian 32-bit words. A digest tells accidents, not forgers.
"""

from __future__ import annotations

import hashlib

import numpy as np

MAGIC = b"RDBB"
DIGEST_BYTES = 16
WORD = np.dtype("<u4")
START = len(MAGIC) + DIGEST_BYTES


def digest(*parts: bytes) -> bytes:
    """The first half of the SHA-256 of the parts, one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()[:DIGEST_BYTES]


def wrap(kind: int, fields: bytes, words: np.ndarray) -> bytes:
    """The message."""
    content = bytes([kind, len(fields)]) + fields + words.astype(WORD).tobytes()
    return MAGIC + digest(content) + content


def unwrap(payload: bytes, kind: int) -> tuple[bytes, np.ndarray]:
    """Fields and words of a message of this kind.

    Raises:
        ValueError: what is no such message, whole and unchanged.
    """
    if not isinstance(payload, bytes | bytearray | memoryview):
        raise ValueError(f"a bits-back message must be bytes, got {type(payload).__name__}")
    content = bytes(payload)
    if len(content) < START + 2 or content[: len(MAGIC)] != MAGIC:
        raise ValueError(f"these {len(content)} bytes are no bits-back message")
    if digest(content[START:]) != content[len(MAGIC) : START]:
        raise ValueError("the bits-back message is damaged: its SHA-256 is not that of its content")
    found, size = content[START], content[START + 1]
    if found != kind:
        raise ValueError(f"the bits-back message is of kind {found}, not {kind}")
    words = content[START + 2 + size :]
    if len(words) % WORD.itemsize:
        raise ValueError(f"a stack of bits has 4-byte words, got {len(words)} bytes")
    stack = np.frombuffer(words, WORD).astype(np.uint32)
    if stack.size and stack[-1] == 0:
        raise ValueError("the stack of a bits-back message never ends in a word of zeros")
    return content[START + 2 : START + 2 + size], stack


def sealed_words(auxiliary: bytes) -> np.ndarray:
    """The auxiliary message as words, filled with zeros."""
    padded = auxiliary + b"\0" * (-len(auxiliary) % WORD.itemsize)
    return np.frombuffer(padded, WORD).astype(np.uint32)
