"""Numbers and texts as the bytes of an index, and back.

Numbers are in LEB128: seven bits a byte, lowest first, the highest bit set in all bytes but the last, no byte
too many. A text is its length in bytes and its UTF-8.
"""

from __future__ import annotations

from ratedist.container.names import utf8

MOST_BYTES = 9  # of a number below 2^63


class Cursor:
    """What is next in the bytes of an index."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._position == len(self._data)

    def take(self, size: int) -> bytes:
        """So many bytes, or ``ValueError``."""
        piece = self._data[self._position : self._position + size]
        if len(piece) != size:
            raise ValueError("its index ends too early")
        self._position += size
        return piece

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A number from 0 to 2^63 − 1."""
        value = 0
        for place in range(MOST_BYTES):
            byte = self.byte()
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                if place and not byte:
                    break
                return value
        raise ValueError("its index has a number that is not written as it should be")

    def count(self, least_bytes: int) -> int:
        """A number of things that take at least so many bytes each."""
        value = self.number()
        if value * least_bytes > len(self._data) - self._position:
            raise ValueError("its index ends too early")
        return value

    def text(self) -> str:
        """A text."""
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise ValueError("its index has a text that is not UTF-8") from None


def text_bytes(text: str) -> bytes:
    """A text as bytes."""
    in_bytes = utf8(text)
    return number_bytes(len(in_bytes)) + in_bytes


def number_bytes(value: int) -> bytes:
    """A number as bytes."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
