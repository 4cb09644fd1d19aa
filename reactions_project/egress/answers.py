"""What is taken of an answer: a head of at most 64 KiB, and 256 KiB of its body, whatever it unpacks to (SEC-42)."""

import zlib

from reactions_project.egress.policy import KEPT_BODY_BYTES, MAX_HEADER_BYTES, EgressProtocolError

TOO_LARGE_HEAD = "The answer's headers are larger than 64 KiB."

_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_ROOM = KEPT_BODY_BYTES + 1


def check_head(status: int, headers: tuple[tuple[str, str], ...]) -> None:
    """Raise EgressProtocolError for a head that is too large, or that ends HTTP on this connection."""
    if sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEADER_BYTES:
        raise EgressProtocolError(TOO_LARGE_HEAD)
    if status == 101:
        raise EgressProtocolError("The target switched to another protocol, which was not asked for.")


class Body:
    """`feed` chunks until it says that no more is wanted, then read `kept` and `truncated`.

    Codings that were not asked for, such as br, are kept as they came.
    """

    def __init__(self, content_encoding: str) -> None:
        self._encoding = content_encoding.strip().lower()
        # 47: gzip or zlib, whichever it is.
        self._decoder = zlib.decompressobj(wbits=47) if self._encoding in _CODINGS else None
        self._data = bytearray()
        self._started = False

    def feed(self, chunk: bytes) -> bool:
        """Take in a chunk; True when there is enough."""
        if self._decoder is None:
            self._data += chunk[: _ROOM - len(self._data)]
        else:
            self._decode(chunk)
        return len(self._data) >= _ROOM

    @property
    def kept(self) -> bytes:
        return bytes(self._data[:KEPT_BODY_BYTES])

    @property
    def truncated(self) -> bool:
        """Also when what came is the beginning of a compressed whole."""
        is_unfinished = self._decoder is not None and self._started and not self._decoder.eof
        return len(self._data) >= _ROOM or is_unfinished

    def _decode(self, chunk: bytes) -> None:
        while chunk and len(self._data) < _ROOM:
            assert self._decoder is not None
            if self._decoder.eof:
                # A gzip file may have several members; anything else behind the end is padding.
                if "gzip" not in self._encoding or not chunk.startswith(b"\x1f"):
                    return
                self._decoder = zlib.decompressobj(wbits=31)
            self._data += self._unpack(chunk)
            self._started = True
            chunk = self._decoder.unused_data

    def _unpack(self, chunk: bytes) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.decompress(chunk, _ROOM - len(self._data))
        except zlib.error:
            if self._encoding == "deflate" and not self._started:
                # Some servers send deflate without the zlib wrapper that RFC 9110 §8.4.1.2 wants.
                self._decoder, self._started = zlib.decompressobj(wbits=-15), True
                return self._unpack(chunk)
            raise EgressProtocolError("The answer says that it is compressed, but it cannot be read.") from None
