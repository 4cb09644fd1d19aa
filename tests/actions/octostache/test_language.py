"""The language by sections of its specification, with cases of our own."""

from typing import Any

import pytest

from actions.octostache import (
    FilterError,
    LoopError,
    OctostacheError,
    TemplateSyntaxError,
    arguments,
    canonical,
    evaluate,
    get,
    indexes,
    is_truthy,
)

SHOP: dict[str, Any] = {
    "Name": "Shop", "Empty": "", "Zero": "0", "No": " NO ", "Null": None,
    "Act[web].Url": "http://web", "Act[api].Url": "http://api", "Key": "web",
    "Json": '{"a":{"b":[1,2.50,"x"]},"t":true,"n":null}', "Csv": "a,b,,c",
    "Greeting": "Hi #{Name}", "Broken": "#{oops", "Version": "1.2.3-rc.4+build",
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("no tokens at all ## # {", "no tokens at all ## # {"),
        ("#{Name}", "Shop"), ("#{ name }", "Shop"), ("#{NAME}!", "Shop!"), ("#{Null}.", "."),
        ("##{Name}", "#{Name}"), ("###{Name}", "#Shop"), ("####{Name}", "###{Name}"),
        ("#{Act[web].Url} #{Act[#{Key}].Url}", "http://web http://web"), ("#{Act[web]}", "web"),
        ("#{Greeting}", "Hi Shop"), ("#{Broken}", "#{oops"),
        ("#{Json.a.b[1]}/#{Json.a.b[9]}/#{Json.t}/#{Json.n}/#{Json.a}", '2.5//True//{"b":[1,2.5,"x"]}'),
        ("#{if Name}y#{else}n#{/if}", "y"), ("#{if Empty}y#{else}n#{/if}", "n"), ("#{if Zero}y#{/if}", ""),
        ("#{IF No}y#{else}n#{/if}", "n"), ("#{unless Missing}y#{/unless}", "y"),
        ('#{if Name == "Shop"}y#{/if}#{if Name != Key}z#{/if}', "yz"), ('#{if "Shop" == Name}y#{/if}', "y"),
        ("#{if Empty}1#{elseif Zero}2#{elseif Name}3#{else}4#{/if}", "3"),
        ("#{each x in Csv}[#{x}#{if Octopus.Template.Each.Last}!#{/if}]#{/each}", "[a][b][][c!]"),
        ("#{each a in Act}#{a}=#{a.Url};#{/each}", "web=http://web;api=http://api;"),
        ("#{each p in Json.a}#{p}:#{p.Key}:#{p.Value}#{/each}", 'b:b:[1,2.5,"x"]'),
        ("#{each o in Csv}#{each i in Csv}#{Octopus.Template.Each.Index}#{/each}|#{/each}", "0123|0123|0123|0123|"),
        ("#{calc 1 + 2 * 3}#{calc {Zero}+2}#{calc 1/0}#{calc 0.1+0.2}", "72∞0.30000000000000004"),
        ('#{Name | ToUpper | Append "!"}', "SHOP!"),
        ("#{Name | Replace o 0}#{Name | Substring 1 2}#{Name | Truncate 2}", "Sh0phoSh..."),
        ("#{Version | VersionMajor}.#{Version | VersionPreReleasePrefix}.#{Version | VersionPreReleaseCounter}", "1.rc.4"),
        ("#{Name | Sha1 4}", "55de8870"),
        ('#{Zero | Format N2} #{Missing | Append "x"}', "0.00 x"),
    ],
)  # fmt: skip
def test_a_text_is_evaluated(template: str, expected: str) -> None:
    assert evaluate(template, SHOP).text == expected


def test_a_missing_token_prints_its_canonical_text_and_is_reported_once() -> None:
    text, missing, error = evaluate("#{ Nope }#{Nope}#{Name|Nothing  x}", SHOP)
    assert text == '#{Nope}#{Nope}#{Name | Nothing "x"}'
    assert missing == ["#{Nope}", '#{Name | Nothing "x"}']
    assert error is None


@pytest.mark.parametrize("template", ["#{", "#{}", "#{Name!}", "#{/if}", "a #{Name} #{Name | Append !}", "#{-+}"])
def test_one_bad_token_leaves_the_whole_text_alone(template: str) -> None:
    result = evaluate(template, SHOP)
    assert result.text == template
    assert result.error


def test_going_on_after_errors_replaces_what_can_be_read() -> None:
    assert evaluate("#{Name! #{Name} #{", SHOP, halt_on_error=False).text == "#{Name! Shop #{"


@pytest.mark.parametrize(
    "template", ["#{A}", "#{if A}x#{/if}", "#{each x in A}#{/each}", "#{calc A+1}", "#{A | ToUpper}"]
)
def test_a_variable_that_refers_to_itself_raises_and_names_the_chain(template: str) -> None:
    with pytest.raises(LoopError, match="A -> B -> A"):
        evaluate(template, {"A": "#{B}", "B": "x#{A}"})


@pytest.mark.parametrize("call", ["FromBase64", 'Match "("', 'Replace "[" x', "VersionMajor"])
def test_unusable_input_of_some_filters_raises(call: str) -> None:
    with pytest.raises(OctostacheError):
        evaluate(f"#{{V | {call}}}", {"V": "%%"})


def test_the_five_other_questions() -> None:
    assert is_truthy("#{Name}", SHOP)
    assert not is_truthy("#{Nope}", SHOP)
    assert not is_truthy("#{", SHOP)
    assert get("Greeting", SHOP) == "Hi Shop"
    assert get("Nope", SHOP) is None
    assert indexes("Act", SHOP) == ["web", "api"]
    assert indexes("Csv", SHOP) == ["a", "b", "", "c"]
    assert canonical("#{ if a|B 6 }x#{/if}") == '#{if a | B "6"}x#{/if}'
    assert arguments("#{a.b | F #{c}}#{each x in L}#{x.y}#{/each}") == ["a", "b", "c", "L"]
    with pytest.raises(TemplateSyntaxError):
        canonical("#{")


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("1234.5", "C", "$1,234.50"), ("1234.5", "N0", "1,235"), ("0.126", "P1", "12.6%"), ("7", '"000"', "007"),
        ("5-", "N1", "-5.0"), (" 1,234.5 + ", "N1", "1,234.5"), ("1234567.891", '\\"#,##0.00\\"', "1,234,567.89"), ("-5", '"0;(0)"', "(5)"),
        ("2030-05-22 09:05:06", '"yyyy/MM/dd HH:mm"', "2030/05/22 09:05"), ("2030-05-22", "dddd", "Wednesday"),
        ("2030-05-22T09:05:00.1234567+02:00", "o", "2030-05-22T09:05:00.1234567+02:00"),
        ("22 May 2030 9:05 PM", '"H:mm tt"', "21:05 PM"),
    ],
)  # fmt: skip
def test_format_prints_as_dotnet_does(value: str, pattern: str, expected: str) -> None:
    assert evaluate(f"#{{V | Format {pattern}}}", {"V": value}).text == expected


@pytest.mark.parametrize(
    ("pattern", "replacement", "expected"),
    [
        ("(?<w>\\w+) (\\w+)", "$1 $2", "world hello"), ("(\\w+) (?<w>\\w+)", "${w} $1", "world hello"), ("o", "$&$&", "helloo woorld"), ("l+", "$9$$", "he$9$o wor$9$d"),
        ("(?i)HELLO", "", " world"), ("z?", "-", "-h-e-l-l-o- -w-o-r-l-d-"), ("d\\z", "D", "hello worlD"),
    ],
)  # fmt: skip
def test_replace_speaks_dotnets_regular_expressions(pattern: str, replacement: str, expected: str) -> None:
    template = f'#{{V | Replace "{pattern}" "{replacement}"}}'
    assert evaluate(template, {"V": "hello world"}).text == expected


def test_a_pattern_that_is_none_raises_a_filter_error() -> None:
    with pytest.raises(FilterError, match="not a valid regular expression"):
        evaluate('#{V | Match "("}', {"V": "x"})
