"""From bytes to masked, levelled lines."""

import base64

import pytest

from actions.redaction import Masker
from actions.scripts.base import Artifact, Level, Limits, OutputVariable, Progress, Stream
from actions.scripts.console import LONGEST_LINE, MOST_LINES, MOST_MASKED_LINES, Console


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def console(*secrets: str, output_bytes: int = 1024 * 1024) -> Console:
    return Console(Masker(secrets), Limits(output_bytes=output_bytes))


def read(output: Console, *pieces: bytes, stream: Stream = Stream.STDOUT) -> list[tuple[str, str]]:
    for piece in pieces:
        output.channel(stream).feed(piece)
    output.close()
    return [(line.level.value, line.text) for line in output.take()]


def test_levels_hold_for_the_lines_between_two_switches() -> None:
    text = b"a\n##octopus[stdout-warning]\nb\nc\n##octopus[stdout-default]\nd\n"
    assert read(console(), text) == [("info", "a"), ("warning", "b"), ("warning", "c"), ("info", "d")]


@pytest.mark.parametrize("level", ["verbose", "warning", "error", "highlight", "wait"])
def test_every_level_can_be_switched_to(level: str) -> None:
    assert read(console(), f"##octopus[stdout-{level}]\nx\n".encode()) == [(level, "x")]


def test_ignored_output_is_not_logged() -> None:
    assert read(console(), b"##octopus[stdout-ignore]\na\n##octopus[stdout-default]\nb\n") == [("info", "b")]


def test_the_error_stream_is_switched_from_standard_output() -> None:
    output = console()
    output.stderr.feed(b"one\n")
    output.stdout.feed(b"##octopus[stderr-progress]\n")
    output.stderr.feed(b"two\n##octopus[stderr-default]\n")
    levels = [(line.level, line.text) for line in output.take()]
    assert levels[:2] == [(Level.ERROR, "one"), (Level.VERBOSE, "two")]


def test_messages_change_the_facts_of_the_run() -> None:
    output = console()
    read(
        output,
        f"##octopus[setVariable name='{encoded('A')}' value='{encoded('é')}']\n"
        f"##octopus[setVariable name='{encoded('Empty')}']\n"
        f"##octopus[progress percentage='{encoded('42')}' message='{encoded('half')}']\n"
        f"##octopus[createArtifact path='{encoded('/w/a.txt')}' name='{encoded('b.txt')}' length='{encoded('3')}']\n"
        f"##octopus[resultMessage message='{encoded('no good')}']\n"
        "##octopus[stdout-highlight]\nlook\n".encode(),
    )
    assert output.outputs == {"A": OutputVariable("é"), "Empty": OutputVariable("")}
    assert output.progress == Progress(42, "half")
    assert output.artifacts == [Artifact("/w/a.txt", "b.txt", 3)]
    assert output.message == "no good"
    assert output.highlights == ["look"]


def test_messages_leave_no_empty_lines_behind() -> None:
    text = f"a\n##octopus[mask value='{encoded('zzzz')}']\n\nb\n".encode()
    assert read(console(), text) == [("info", "a"), ("info", ""), ("info", "b")]


def test_unknown_messages_are_noted_and_do_nothing() -> None:
    assert read(console(), b"##octopus[delete-target]\n") == [
        ("verbose", 'The service message "delete-target" has no effect here.')
    ]


def test_a_sensitive_output_is_masked_from_then_on() -> None:
    message = f"##octopus[setVariable name='{encoded('pw')}' value='{encoded('s3cret')}' sensitive='{encoded('True')}']"
    output = console()
    assert read(output, f"{message}\npw is s3cret, {encoded('s3cret')}\n".encode()) == [("info", "pw is *****, *****")]
    assert output.outputs == {"pw": OutputVariable("s3cret", sensitive=True)}


def test_three_characters_are_not_masked() -> None:
    text = f"##octopus[mask value='{encoded('abc')}']\nabc abcd\n".encode()
    assert read(console("abcd"), text) == [("info", "abc *****")]


def test_a_mask_counts_on_both_streams_and_other_messages_on_one() -> None:
    output = console()
    text = f"##octopus[mask value='{encoded('s3cret')}']\n##octopus[setVariable name='QQ==' value='Yg==']\ns3cret\n"
    assert read(output, text.encode(), stream=Stream.STDERR) == [
        ("error", "##octopus[setVariable name='QQ==' value='Yg==']"),
        ("error", "*****"),
    ]
    assert output.outputs == {}


def test_sec_22_a_secret_split_over_reads_is_masked() -> None:
    pieces = [bytes([octet]) for octet in "x hunter22é y\n".encode()]
    assert read(console("hunter22é"), *pieces) == [("info", "x ***** y")]


def test_sec_22_a_secret_split_over_lines_is_masked() -> None:
    assert read(console("first-half\nsecond-half"), b"a first-half\n", b"second-half b\n") == [("info", "a ***** b")]


def test_sec_55_bad_octets_are_replaced_and_nul_is_removed() -> None:
    assert read(console(), b"a\xff\0b\xc3", b"\xa9\xc3\n") == [("info", "a\ufffdbé\ufffd")]


def test_sec_55_output_is_cut_at_its_limit_with_a_marker() -> None:
    output = console(output_bytes=100)
    lines = read(output, *[b"0123456789\n"] * 50, f"##octopus[progress percentage='{encoded('9')}']".encode())
    assert output.truncated
    assert sum(len(text) + 1 for level, text in lines if level == "info") <= 101
    assert lines[-1] == ("warning", "The output was cut here: a run keeps 100 bytes and 50,000 lines of output.")
    assert output.progress == Progress(9)


def test_sec_55_lines_are_counted_too() -> None:
    lines = read(console(), b"\n" * (MOST_LINES + 10))
    assert len(lines) == MOST_LINES + 1
    assert "cut here" in lines[-1][1]


def test_a_script_may_only_mask_so_much() -> None:
    text = "".join(
        f"##octopus[mask value='{encoded(f'value-{number:03}')}']\n" for number in range(MOST_MASKED_LINES + 1)
    )
    lines = read(console(), f"{text}value-000 value-{MOST_MASKED_LINES}\n".encode())
    assert lines[0][0] == "warning"
    assert lines[1:] == [("info", f"***** value-{MOST_MASKED_LINES}")]


def test_very_long_lines_are_broken() -> None:
    lines = read(console(), b"x" * (LONGEST_LINE + 5))
    assert [len(text) for _, text in lines] == [LONGEST_LINE, 5]


def test_carriage_returns_end_lines_and_pairs_count_once() -> None:
    assert read(console(), b"10%\r20%\r", b"\nnext\r\n") == [("info", "10%"), ("info", "20%"), ("info", "next")]


def test_outputs_are_bounded() -> None:
    output = console(output_bytes=200)
    text = f"##octopus[setVariable name='{encoded('big')}' value='{encoded('x' * 300)}']\n"
    lines = read(output, text.encode())
    assert output.outputs == {}
    assert lines == [("warning", 'The output variable "big" was not kept: it is nameless or too large.')]


def test_a_name_with_nul_is_told_without_it_when_its_output_is_not_kept() -> None:
    output, name = console(output_bytes=200), "b\0ig"
    text = f"##octopus[setVariable name='{encoded(name)}' value='{encoded('x' * 300)}']\n"
    assert read(output, text.encode())[0][1].startswith('The output variable "big" was not kept')
