"""What keeps templates harmless: opaque values, limits, taint, and no surprise of any other kind."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.octostache import (
    LimitError,
    Limits,
    OctostacheError,
    Opaque,
    VariableTree,
    canonical,
    evaluate,
    is_truthy,
    render,
)


def test_sec_60_an_opaque_value_is_never_expanded_wherever_it_goes() -> None:
    variables = {
        "Secret.Token": "hidden",
        "Payload": Opaque('{"note":"#{Secret.Token}","list":["#{Secret.Token}"]}'),
        "Plain": Opaque("#{Secret.Token}"),
        "Author": "see #{Plain}",
    }
    for template in (
        "#{Plain}", "#{Author}", "#{Payload.note}", "#{Payload.list[0]}", "#{Plain | Trim}", "#{Missing | Append #{Plain}}",
        "#{each x in Payload.list}#{x}#{/each}", "#{each p in Payload}#{p.Value}#{/each}", "#{each x in Plain}#{x}#{/each}",
        "#{if Plain}#{Plain}#{/if}", "#{Payload}",
    ):  # fmt: skip
        text = evaluate(template, variables).text
        assert text is not None
        assert "hidden" not in text, template
        assert "#{Secret.Token}" in text, template


def test_sec_60_an_authors_variable_may_refer_to_others() -> None:
    assert evaluate("#{A}", {"A": "#{B}", "B": "b"}).text == "b"


def test_sec_61_the_renderer_says_of_every_value_whether_an_event_had_a_part_in_it() -> None:
    tree = VariableTree(
        {"Own": "o", "Event": Opaque("e"), "Mixed": "#{Own}#{Event}", "L[e].x": "found", "Json": Opaque('{"a":"b"}')}
    )
    seen: list[tuple[str, bool, str | None]] = []

    def note(value: str, is_opaque: bool, last_filter: str | None) -> str:
        seen.append((value, is_opaque, last_filter))
        return f"<{value}>"

    template = "#{Own}#{Event}#{Mixed}#{Event | ToUpper}#{Own | Append #{Event}}#{L[#{Event}].x}#{Json.a}"
    template += "#{each x in Event}#{x}#{Own}#{/each}#{if Event}#{Own}#{/if}"
    rendered = render(template, tree, on_value=note)
    assert rendered.text == "<o><e><oe><E><oe><found><b><e><o><o>"
    assert [(value, is_opaque) for value, is_opaque, _ in seen] == [
        ("o", False), ("e", True), ("oe", True), ("E", True), ("oe", True), ("found", True), ("b", True),
        ("e", True), ("o", False), ("o", False),
    ]  # fmt: skip
    assert seen[3][2] == "ToUpper"
    assert {"Own", "Event", "Mixed"} <= rendered.used


def test_missing_tokens_say_where_they_stand() -> None:
    rendered = render("ab #{Nope} #{if x | F}y#{/if}", VariableTree({}))
    assert [(missing.token, missing.offset) for missing in rendered.missing] == [("#{Nope}", 3), ("x | F", 11)]


def test_sec_62_a_text_that_doubles_itself_stops_with_a_clear_error() -> None:
    variables = {f"V{n}": f"#{{V{n + 1}}}#{{V{n + 1}}}" for n in range(40)}
    variables["V40"] = "x" * 100
    with pytest.raises(LimitError, match=r"steps|longer|deeply"):
        evaluate("#{V0}", variables)


def test_sec_62_output_steps_and_nesting_are_bounded() -> None:
    with pytest.raises(LimitError, match="longer than 1,048,576"):
        evaluate("#{V}#{V}", {"V": "x" * 600_000})
    with pytest.raises(LimitError, match="more than 50 steps"):
        evaluate("#{each x in V}#{x}#{/each}", {"V": "," * 100}, limits=Limits(steps=50))
    with pytest.raises(LimitError, match="nested"):
        evaluate("#{if a}" * 60 + "#{/if}" * 60, {})
    with pytest.raises(LimitError, match="nested"):
        evaluate("#{calc " + "(" * 60 + "1" + ")" * 60 + "}", {})
    chain = {f"V{n}": f"#{{V{n + 1}}}" for n in range(5_000)}
    with pytest.raises(LimitError, match="deeply"):
        evaluate("#{V0}", chain)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "(.*)*b", "(?:(?:(?:a{9999}){9999}){9999}){9999}", "(x" * 900 + ")" * 900]
)
def test_sec_62_a_hostile_pattern_ends_with_an_error_of_ours(pattern: str) -> None:
    try:
        evaluate(f'#{{V | Match \\"{pattern}\\"}}', {"V": "a" * 50_000 + "!"})
    except OctostacheError as error:
        assert len(str(error)) < 300  # noqa: PT017 - either outcome is fine, another exception is not


def test_deep_json_is_simply_not_json() -> None:
    assert evaluate("#{J.a}", {"J": "[" * 100_000}).text == "#{J.a}"


_PIECES = st.sampled_from(
    ["#{", "}", "#{if ", "#{/if}", "#{else}", "#{elseif ", "#{each x in ", "#{/each}", "#{calc ", "#{unless ", "#{/unless}",
     "##{", "###{", "A", "B.c", "[", "]", "#{A}", "[#{A}]", "|", " | ToUpper", " | Replace a b", ' "x" ', '\\"y\\"', "==", "!=", " in ",
     "+", "(", ")", "/", "*", " ", "\n", ".", ",", "#", "é", "🐙", "1", '{"a":[1]}', "*]", "Null", " | null"]
)  # fmt: skip
_TEXTS = st.lists(_PIECES, max_size=25).map("".join)


@given(_TEXTS, st.dictionaries(st.sampled_from(["A", "B", "B.c", "A[x].y", "x", "L[1]", "1"]), _TEXTS, max_size=5))
@settings(max_examples=400, deadline=None)
def test_nothing_but_our_own_errors_is_ever_raised(text: str, variables: dict[str, str]) -> None:
    for halt in (True, False):
        try:
            evaluate(text, variables, halt_on_error=halt)
            is_truthy(text, variables)
        except OctostacheError:
            pass


@given(st.text(alphabet=string.printable + "é🐙#", max_size=200).filter(lambda text: "#{" not in text))
def test_a_text_without_tokens_comes_back_unchanged(text: str) -> None:
    assert evaluate(text, {"A": "1"}) == (text, [], None)


@given(_TEXTS)
@settings(max_examples=400, deadline=None)
def test_the_canonical_text_is_a_fixed_point(text: str) -> None:
    try:
        once = canonical(text)
        again = canonical(once)
    except OctostacheError:
        return
    assert canonical(again) == again
