"""How often something happened within a while: counted in Redis where there is one, else in a small file that all
processes of this host share (SEC-90).

A window begins with its first count, so the answer to the next one over the limit is never earlier than a caller who
counts along would expect. Counting never fails a request: where it cannot count, it lets pass.
"""

import fcntl
import hashlib
import logging
import mmap
import os
import struct
import threading
import time
import weakref
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import redis
from django.conf import settings

from reactions_project import clock
from reactions_project.run_dir import run_dir

logger = logging.getLogger("reactions.intake")
_REDIS_REST_SECONDS = 5


@dataclass(frozen=True)
class Window:
    """How long one counts together; `name` keeps what is counted for different ends apart."""

    name: str
    seconds: int


MINUTE = Window("rate", 60)


@dataclass(frozen=True)
class Count:
    """How often it happened in the present window, and in how many seconds the next one begins."""

    times: int
    seconds_left: int


class Counter(Protocol):
    def count(self, name: str, now: float, by: int) -> Count:
        """Add `by` (0 to look only) and say how often it happened."""


def look(name: str, window: Window = MINUTE) -> Count:
    return _count(name, 0, window)


def add(name: str, window: Window = MINUTE) -> Count:
    return _count(name, 1, window)


def _count(name: str, by: int, window: Window) -> Count:
    now = clock.now().timestamp()
    if settings.REDIS_URL:
        try:
            return _redis_counter(settings.REDIS_URL, window).count(name, now, by)
        except redis.RedisError as error:
            if not isinstance(error, Resting):
                logger.warning("Redis does not count requests (%s): this host counts its own.", type(error).__name__)
    try:
        return _file_counter(run_dir(), window).count(name, now, by)
    except OSError as error:
        logger.warning("Requests are not counted (%s): check REACTIONS_RUN_DIR.", error)
        return Count(0, window.seconds)


class Resting(redis.RedisError):
    """Redis was away a moment ago, and no request waits for it again so soon."""


class RedisCounter:
    def __init__(self, url: str, window: Window = MINUTE) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._window = window
        self._rests_until = 0.0

    def count(self, name: str, now: float, by: int) -> Count:
        if time.monotonic() < self._rests_until:
            raise Resting
        try:
            return self._count(name, by)
        except redis.RedisError:
            self._rests_until = time.monotonic() + _REDIS_REST_SECONDS
            raise

    def _count(self, name: str, by: int) -> Count:
        key = f"reactions:{self._window.name}:{name}"
        with self._client.pipeline() as together:
            if by:
                together.set(key, 0, ex=self._window.seconds, nx=True)
                together.incrby(key, by)
            else:
                together.get(key)
            together.ttl(key)
            *_, times, left = together.execute()
        return Count(int(times or 0), max(1, int(left)))


# The key's digest, when the window began, how often it happened.
_SLOT = struct.Struct("<16sdI4x")
_BUCKETS, _SLOTS_PER_BUCKET = 1_024, 8
_BUCKET_BYTES = _SLOT.size * _SLOTS_PER_BUCKET


class FileCounter:
    """A table of fixed size: a name has eight slots to be in, and takes the least counted one when all are in use."""

    def __init__(self, path: Path, window: Window = MINUTE) -> None:
        self._window = window
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        # Made larger, never smaller: another process may be using it. With its blocks, since writing into a hole of a
        # mapped file on a full disk is no error but the end of the process.
        os.posix_fallocate(descriptor, 0, _BUCKETS * _BUCKET_BYTES)
        self._table = mmap.mmap(descriptor, _BUCKETS * _BUCKET_BYTES)
        # The file's lock is between processes only: threads share the descriptor that holds it.
        self._threads = threading.Lock()

    def count(self, name: str, now: float, by: int) -> Count:
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()
        start = int.from_bytes(digest[:4], "little") % _BUCKETS * _BUCKET_BYTES
        with self._threads:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                return self._count(digest, start, now, by)
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _count(self, digest: bytes, start: int, now: float, by: int) -> Count:
        free, least = start, None
        for at in range(start, start + _BUCKET_BYTES, _SLOT.size):
            held, began, times = _SLOT.unpack_from(self._table, at)
            is_over = not 0 <= now - began < self._window.seconds
            if held == digest and not is_over:
                times = min(times + by, 2**32 - 1)
                _SLOT.pack_into(self._table, at, digest, began, times)
                return Count(times, max(1, round(began + self._window.seconds - now)))
            weight = -1 if is_over else times
            if least is None or weight < least:
                free, least = at, weight
        if by:
            _SLOT.pack_into(self._table, free, digest, now, by)
        return Count(by, self._window.seconds)


@lru_cache(maxsize=8)
def _redis_counter(url: str, window: Window) -> RedisCounter:
    return RedisCounter(url, window)


@lru_cache(maxsize=8)
def _file_counter(folder: Path, window: Window) -> FileCounter:
    return FileCounter(folder / f"counts-{window.name}", window)
