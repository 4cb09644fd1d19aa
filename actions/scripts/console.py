"""Turns the two raw streams of a running script into masked, levelled log lines and into facts about the run.

Order of work per stream: bytes, text (SEC-55), service messages, masks (SEC-22), lines. Messages are read before
masking because their base64 is one of the masked forms; masks act on the unbroken text, so that a secret split over
two reads or two lines is still found.
"""

import codecs
import re
from collections.abc import Callable

from actions.redaction import Masker, StreamMasker
from actions.scripts.base import Artifact, Level, Limits, LogLine, OutputVariable, Progress, Stream
from actions.scripts.messages import MessageParser, ServiceMessage

LONGEST_LINE = 16 * 1024
MOST_OUTPUTS = 1000
MOST_HIGHLIGHTS = 100
MOST_ARTIFACTS = 100
MOST_LINES = 50_000

# Every mask costs time for all output that follows, which the worker pays and not the script.
MOST_MASKED_LINES = 200
MOST_MASKED_CHARACTERS = 64 * 1024
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r(?!\Z)|\n)")

# Output levels a script may switch to; None means "do not log".
_STDOUT_LEVELS: dict[str, Level | None] = {
    "default": Level.INFO,
    "verbose": Level.VERBOSE,
    "warning": Level.WARNING,
    "error": Level.ERROR,
    "highlight": Level.HIGHLIGHT,
    "wait": Level.WAIT,
    "ignore": None,
}
_STDERR_LEVELS: dict[str, Level | None] = {
    "default": Level.ERROR,
    "error": Level.ERROR,
    "progress": Level.VERBOSE,
    "ignore": None,
}


class Console:
    """The output of one run. `lines` collects what is ready to be delivered; `take` empties it."""

    def __init__(self, masker: Masker, limits: Limits) -> None:
        self.masker = masker
        self.outputs: dict[str, OutputVariable] = {}
        self.progress: Progress | None = None
        self.artifacts: list[Artifact] = []
        self.highlights: list[str] = []
        self.message = ""
        self.truncated = False
        self.wrote_errors = False
        self.first_error = ""
        self._limits = limits
        self._bytes_left = limits.output_bytes
        self._output_bytes_left = limits.output_bytes
        self._lines_left = MOST_LINES
        self._masked: set[str] = set()
        self._masked_lines_left = MOST_MASKED_LINES
        self._masked_characters_left = MOST_MASKED_CHARACTERS
        self._lines: list[LogLine] = []
        self.stdout = _Channel(self, Stream.STDOUT, Level.INFO)
        self.stderr = _Channel(self, Stream.STDERR, Level.ERROR)

    def channel(self, stream: Stream) -> "_Channel":
        return self.stdout if stream is Stream.STDOUT else self.stderr

    def take(self) -> list[LogLine]:
        lines, self._lines = self._lines, []
        return lines

    def close(self) -> None:
        self.stdout.close()
        self.stderr.close()

    def add_line(self, stream: Stream, level: Level, text: str) -> None:
        if self.truncated:
            return
        size = len(text.encode("utf-8", "replace")) + 1
        if size > self._bytes_left or not self._lines_left:
            self.truncated = True
            kept = text.encode("utf-8", "replace")[: max(0, self._bytes_left - 1)].decode("utf-8", "ignore")
            if kept and self._lines_left:
                self._lines.append(LogLine(stream, level, kept))
            most = f"{self._limits.output_bytes:,} bytes and {MOST_LINES:,} lines"
            notice = f"The output was cut here: a run keeps {most} of output."
            self._lines.append(LogLine(Stream.SYSTEM, Level.WARNING, notice))
            return
        self._bytes_left -= size
        self._lines_left -= 1
        self._lines.append(LogLine(stream, level, text))
        if level is Level.HIGHLIGHT and len(self.highlights) < MOST_HIGHLIGHTS:
            self.highlights.append(text)

    def handle(self, message: ServiceMessage) -> None:
        name = message.name.lower()
        if handler := _HANDLERS.get(name):
            handler(self, message)
        elif name.startswith("stdout-") and name[7:] in _STDOUT_LEVELS:
            self.stdout.switch(_STDOUT_LEVELS[name[7:]])
        elif name.startswith("stderr-") and name[7:] in _STDERR_LEVELS:
            self.stderr.switch(_STDERR_LEVELS[name[7:]])
        else:
            text = f'The service message "{message.name}" has no effect here.'
            self.stdout.note(Level.VERBOSE, self.masker.mask(text))

    def set_output(self, message: ServiceMessage) -> None:
        name, value = (message.get(one).replace("\0", "") for one in ("name", "value"))
        sensitive = message.get("sensitive").lower() == "true"
        if sensitive:
            self._mask(value)
        size = len(name) + len(value)
        if not name or size > self._output_bytes_left or len(self.outputs) >= MOST_OUTPUTS:
            shown = self.masker.mask(name)[:200]
            self.stdout.note(Level.WARNING, f'The output variable "{shown}" was not kept: it is nameless or too large.')
            return
        self._output_bytes_left -= size
        self.outputs[name] = OutputVariable(value, sensitive)

    def set_progress(self, message: ServiceMessage) -> None:
        try:
            percentage = min(100, max(0, int(message.get("percentage", "0"))))
        except ValueError:
            return
        self.progress = Progress(percentage, self._plain(message.get("message")))
        self.stdout.note(Level.PROGRESS, f"{percentage}% {self.progress.message}".rstrip())

    def set_message(self, message: ServiceMessage) -> None:
        self.message = self._plain(message.get("message"))

    def add_mask(self, message: ServiceMessage) -> None:
        self._mask(message.get("value"))

    def add_artifact(self, message: ServiceMessage) -> None:
        length = message.get("length")
        path = self._plain(message.get("path"))
        if path and len(self.artifacts) < MOST_ARTIFACTS:
            name = self._plain(message.get("name")) or path.rsplit("/", 1)[-1]
            self.artifacts.append(Artifact(path, name, int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None))

    def _mask(self, value: str) -> None:
        # Scripts say every mask on both streams.
        if value in self._masked:
            return
        lines = value.count("\n") + 1
        if lines > self._masked_lines_left or len(value) > self._masked_characters_left:
            self.stdout.note(Level.WARNING, "A value was not masked: a script may mask 200 lines of 65,536 characters.")
            return
        self._masked.add(value)
        self._masked_lines_left -= lines
        self._masked_characters_left -= len(value)
        self.masker.add(value)

    def _plain(self, text: str) -> str:
        return self.masker.mask(text.replace("\0", ""))[:4000]


_HANDLERS: dict[str, Callable[[Console, ServiceMessage], None]] = {
    "setvariable": Console.set_output,
    "progress": Console.set_progress,
    "resultmessage": Console.set_message,
    "mask": Console.add_mask,
    "createartifact": Console.add_artifact,
}


class _Channel:
    """One of the two streams, from bytes to lines."""

    def __init__(self, console: Console, stream: Stream, level: Level) -> None:
        self._console = console
        self._stream = stream
        self._level: Level | None = level
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parser = MessageParser()
        self._masker = StreamMasker(console.masker)
        self._line = ""
        self._had_message = False

    def feed(self, data: bytes) -> None:
        for part in self._parser.feed(self._decoder.decode(data).replace("\0", "")):
            self._accept(part)

    def close(self) -> None:
        for part in self._parser.feed(self._decoder.decode(b"", final=True)):
            self._accept(part)
        for part in self._parser.flush():
            self._accept(part)
        self._end_text()

    def switch(self, level: Level | None) -> None:
        if level is not self._level:
            self._end_text()
            self._level = level

    def note(self, level: Level, text: str) -> None:
        """A line of ours between the script's, in the order in which things happened."""
        self._split(self._masker.flush())
        self._console.add_line(Stream.SYSTEM, level, text)

    def _accept(self, part: str | ServiceMessage) -> None:
        if isinstance(part, str):
            if not self._console.truncated:
                self._split(self._masker.feed(part))
            return
        self._had_message = True
        if self._stream is Stream.STDOUT:
            self._console.handle(part)
        elif part.name.lower() == "mask":
            # The two streams race, so scripts announce a mask on both; everything else counts on stdout only.
            self._console.add_mask(part)
        else:
            self._split(self._masker.feed(part.raw))

    def _split(self, text: str) -> None:
        self._line += text
        position = 0
        while match := _LINE.match(self._line, position):
            self._emit(match[0].rstrip("\r\n"))
            position = match.end()
        self._line = self._line[position:]
        while len(self._line) > LONGEST_LINE:
            self._emit(self._line[:LONGEST_LINE])
            self._line = self._line[LONGEST_LINE:]

    def _end_text(self) -> None:
        self._split(self._masker.flush())
        if self._line.rstrip("\r"):
            self._emit(self._line.rstrip("\r"))
        self._line = ""

    def _emit(self, text: str) -> None:
        only_message, self._had_message = self._had_message and not text, False
        if only_message:
            return
        if self._stream is Stream.STDERR and text.strip():
            self._console.wrote_errors = True
            self._console.first_error = self._console.first_error or text.strip()
        if self._level is None:
            return
        self._console.add_line(self._stream, self._level, text)
