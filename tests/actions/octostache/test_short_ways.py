"""A path that needs one variable only is found without building the tree of all: it must mean the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from actions.octostache import OctostacheError, Opaque, VariableTree, render

_STEPS = ["A", "B", "a", "[0]", "[1]", "[x]", "[*]", "[A]"]
_VALUES = [
    "plain", "", '{"A": {"B": 1, "0": 2}, "B": [3, {"A": 4}]}', '[{"A": 5}, [6]]', "a,b", "#{B}", "#{A.B}", "{\"A\": \"#{B}\"}",
    '{"A": "\\u0023{B}"}', "[",
]  # fmt: skip


def joined(steps: list[str]) -> str:
    return "".join(step if step.startswith("[") or not place else f".{step}" for place, step in enumerate(steps))


paths = st.tuples(st.sampled_from(["A", "B", "a"]), st.lists(st.sampled_from(_STEPS), max_size=3)).map(
    lambda parts: joined([parts[0], *parts[1]])
)
values = st.one_of(st.sampled_from(_VALUES), st.sampled_from(_VALUES).map(Opaque))


def told(template: str, tree: VariableTree) -> object:
    try:
        return render(template, tree)
    except OctostacheError as error:
        return type(error), str(error)


@settings(max_examples=600, deadline=None)
@given(variables=st.dictionaries(paths, values, max_size=5), asked=st.lists(paths, min_size=1, max_size=3))
def test_the_short_way_to_a_variable_and_the_whole_tree_tell_the_same(
    variables: dict[str, str], asked: list[str]
) -> None:
    whole = VariableTree(variables)
    assert whole.root is not None
    short = VariableTree(variables)
    for path in asked:
        template = f"#{{{path}}}|#{{{path} | ToUpper}}"
        assert told(template, short) == told(template, whole)


def test_a_star_is_the_first_of_all_also_where_a_variable_is_named_so() -> None:
    assert render("#{A[*]}", VariableTree({"A[0]": "first", "A[*]": "named"})).text == "first"


def test_a_document_is_read_without_the_other_variables() -> None:
    tree = VariableTree({"Payload": '{"Package": {"Id": "Acme"}}', "Octopus.Event.Id": "7"})
    assert render("#{Payload.Package.Id} #{Payload[Package][Id]} #{Octopus.Event.Id}", tree).text == "Acme Acme 7"
    assert tree._root is None
