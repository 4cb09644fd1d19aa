"""Sentences of the specification, by section, each with what it says of a text."""

from typing import Any

import pytest

from actions.octostache import LoopError, evaluate, is_truthy

VARIABLES: dict[str, Any] = {
    "A": "a", "B": "b", "a.b": "ab", "two  gaps": "gaps", "n(1)": "round", "u@x": "at", "é": "acute", "Ж.ю": "cyrillic",
    "٣": "three", "A-B": "dash", "Num": "4", "Two": "2", "L[x ]": "trailing", "L[x]": "plain", 'L["q"]': "quoted",
    "Act[One].Name": "N", "I": "One", "K[One]": "kay", "Star[a]": "first", "Star[b]": "second", "W[*]": "star",
    "P.Q": "q", "Emp": "", "Arr": "[[1,2],[3]]", "Str": '"abc"', "List": "x,,y", "x.Name": "outer",
    "Obj": '{"a":{"b":"#{A}"},"A":1,"d":1.50,"n":null,"t":true,"big":12345678901234567890}',
    "Items[1].Id": "i1", "Items[2].Id": "i2", "Tpl": "#{A}-#{Nope}", "S": "false ", "T": " 0 ", "Rec": "x#{Rec}",
    "Nest[a][b].N": "n", "Voided": "#{ | null}",
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        # §2: names, blanks and indexes
        ("#{ a . b }", "ab"), ("#{two  gaps}", "gaps"), ("#{L[ x ]}", "trailing"), ('#{L["q"]}', "quoted"),
        ("#{n(1)}#{u@x}#{É}#{ж.Ю}#{٣}", "roundatacutecyrillicthree"), ("#{A\n|\nToUpper\n}", "A"),
        ("#{each\tx\tin\tList\t}#{x}#{/each}", "xy"), ("#{if\nA\n}y#{/if}", "y"), ("#{A}}", "a}"),
        # §2: words in any case
        ("#{IF A}y#{/if}", "y"), ("#{EACH x in List}#{x};#{/each}", "x;;y;"),
        # §2: calc
        ("#{calc {Num}-{Two}}", "2"), ("#{calc 2-Num}", "-2"), ("#{calc (Num+2)*3}", "18"), ("#{calc 1.5+.5}", "2"),
        ("#{calc A-B}", "#{A-B}"), ("#{calc -2}", "#{-2}"), ("#{calc 2 * {Nope}}", "#{2*Nope}"),
        # §2: options that are tokens
        ("#{A | Append #{A}| ToUpper}", "AA"), ("#{A | Replace #{A}#{B}}", "b"), ("#{A | Append #{A}  }", "aa"),
        ('#{A | Append "-" #{A} "-" #{B}}', "a-a-b"),
        # §3
        ("#####{A}", "###a"), ("##{A", "#{A"), ("#{A}#", "a#"), ("#{A}###", "a###"),
        # §4
        ("#{Act[one].NAME}", "N"), ("#{Act[One]}", "One"), ("#{K[#{I}]}", "kay"), ("#{Star[*]}", "first"),
        ("#{W[*]}", "star"),
        # §6
        ("#{if S}y#{else}n#{/if}", "n"), ("#{if T}y#{else}n#{/if}", "y"), ("#{if Nope == Nope2}y#{/if}", "y"),
        ("#{unless A}1#{elseif B}2#{/unless}", ""), ('#{if A == \\"a\\"}x#{/if}', "x"),
        ('#{if A == \\"#{"\\"}x#{else}n#{/if}', "n"),
        # §7
        ("#{each x in Emp}[#{x}]#{/each}", "[]"), ("#{each x in P}[#{x}]#{/each}", ""),
        ("#{each x in Nope}[#{x}]#{/each}", ""), ("#{each my item in List}#{my item}#{/each}", "xy"),
        ("#{each x in List}#{x.Name}#{/each}", "outerouterouter"), ("#{each x in Str}[#{x}]#{/each}", '["abc"]'),
        ("#{each x in Items}#{x}:#{x.Id}#{Octopus.Template.Each.First};#{/each}", "1:i1True;2:i2False;"),
        ("#{each x in Arr}#{each y in x}#{y}#{/each};#{/each}", "12;3;"),
        # §7: what an entry prints is what an each over it goes through, whatever stands below it.
        ("#{each x in Act[One]}[#{x}]#{/each}", "[One]"), ("#{each x in Nest[a]}[#{x}]#{/each}", "[a]"),
        # §8
        ("#{Obj.a.b}#{Obj[a][b]}", "aa"), ("#{Obj.A}#{Obj.zz}#{Obj.n}", "1"), ("#{Obj.d} #{Obj.t}", "1.5 True"),
        ("#{Obj.big}", "12345678901234567890"), ("#{Arr[0][1]}#{Arr[9]}", "2"),
        ("#{each x in Obj}#{x.Key}=#{x.Value};#{/each}", 'a={"b":"a"};A=1;d=1.5;n=;t=True;big=12345678901234567890;'),
        # §11
        ("#{A | toupper | Append x y}", "Axy"), ("#{Nope | Prepend a b}", "ab"), ("#{A|Md5 utf8 4}", "0cc175b9"),
    ],
)  # fmt: skip
def test_a_text_becomes(template: str, expected: str) -> None:
    result = evaluate(template, VARIABLES)
    assert (result.text, result.missing, result.error) == (expected, [], None)


@pytest.mark.parametrize(
    ("template", "expected", "missing"),
    [
        ("#{two gaps}", "#{two gaps}", ["#{two gaps}"]), ("#{if A}", "#{if A}", ["#{if A}"]), ("#{P}", "#{P}", ["#{P}"]),
        ("#{ else}", "#{else}", ["#{else}"]), ("#{if A}1#{ELSEIF B}2#{/if}", "1#{ELSEIF B}2", ["#{ELSEIF B}"]),
        ("#{Act[#{Nope}].Name}", "#{Act[#{Nope}].Name}", ["#{Act[#{Nope}].Name}"]),
        ("#{Act[#{I | ToUpper}].Name}", "#{Act[#{I | ToUpper}].Name}", ["#{Act[#{I | ToUpper}].Name}"]),
        ("#{Arr[-1]}#{Arr.x}#{Str.x}", "#{Arr[-1]}#{Arr.x}#{Str.x}", ["#{Arr[-1]}", "#{Arr.x}", "#{Str.x}"]),
        ("#{Octopus.Template.Each.Index}", "#{Octopus.Template.Each.Index}", ["#{Octopus.Template.Each.Index}"]),
        ("#{if Tpl}y#{/if}", "y", ["#{Nope}"]), ("#{Tpl | ToUpper}", "A-#{NOPE}", ["#{Nope}"]),
        ("#{if A == B | Foo}y#{/if}", "#{if A == B | Foo }y#{/if}", ["B | Foo"]),
        ("#{A | Trim x}", '#{A | Trim "x"}', ['#{A | Trim "x"}']), ("#{A[]}", "#{A[]}", ["#{A[]}"]),
        ("#{calc Tpl}", "#{Tpl}", ["#{Nope}"]), ("#{A | Append #{Nope}}", "a#{Nope}", ["#{Nope}"]),
        # The reference notes the path that is missing, and nothing of the value that its index was made of.
        ("#{Act[#{Tpl}].Name}", "#{Act[#{Tpl}].Name}", ["#{Act[#{Tpl}].Name}"]),
    ],
)  # fmt: skip
def test_what_is_missing_prints_itself_and_is_told(template: str, expected: str, missing: list[str]) -> None:
    result = evaluate(template, VARIABLES)
    assert (result.text, result.missing, result.error) == (expected, missing, None)


@pytest.mark.parametrize(
    "template",
    [
        "#{a!b}", "#{L[x] .y}", "#{/if}", "#{if A}y#{/IF}", "#{if A}y#{/ if}", "#{EACH x IN List}#{/each}",
        "#{calc ( 2+3 )}", "#{calc (A+B)*2}", "#{A | Append #{A} | ToUpper}", "#{A | Replace #{A} #{B}}",
        "#{A | Append 'x'}", '#{if A == "a" && B}x#{/if}', '#{if "a" == "a"}x#{/if}', '#{if A == "#"}x#{/if}',
        "##{if a}x#{/if}", "#{A.}", "#{.A}", "#{A..b}", "#{A[}", "#{A[b}", "#{A]}", "#{}", "#{ }", "#{A", "#{{A}}", "#{#{A}}",
        "#{each x in List | ToUpper}#{/each}", '#{each x in "a"}#{/each}',
    ],
)  # fmt: skip
def test_a_text_that_does_not_parse_comes_back_whole_and_is_false(template: str) -> None:
    result = evaluate(f"#{{A}}{template}", VARIABLES)
    assert (result.text, result.missing, bool(result.error)) == (f"#{{A}}{template}", [], True)
    assert not is_truthy(f"#{{A}}{template}", VARIABLES)


@pytest.mark.parametrize(
    "template",
    [
        "x#{A | null}y", "x#{A | Append #{ | null}}y", "#{if A | Append #{A | null}}y#{/if}",
        "#{each x in List}#{x | null}#{/each}", "#{if A}#{unless Nope}#{ | null}#{/unless}#{/if}",
    ],
)  # fmt: skip
def test_null_at_the_end_of_a_chain_takes_the_whole_text_with_it_from_wherever_it_stands(template: str) -> None:
    assert evaluate(template, VARIABLES) == (None, [], None)


def test_null_takes_nothing_with_it_from_a_variables_value_or_a_condition() -> None:
    assert evaluate("x#{Voided}", VARIABLES) == ("x#{ | null}", [], None)
    assert evaluate("#{A | null | Append x}", VARIABLES) == ("x", [], None)
    assert evaluate("#{if A | null}y#{/if}", VARIABLES) == ("#{if A | null}y#{/if}", ["A | null"], None)


@pytest.mark.parametrize(
    "template", ["#{if Rec}x#{/if}", "#{A[#{Rec}]}", "#{A | Append #{Rec}}", "#{each x in Rec}#{/each}", "#{calc Rec}"]
)
def test_a_loop_is_found_in_every_kind_of_token(template: str) -> None:
    with pytest.raises(LoopError, match="Rec -> Rec"):
        evaluate(template, VARIABLES)
