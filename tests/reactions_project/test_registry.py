"""Registries: one line adds an extension, and a wrong name says which ones there are."""

from dataclasses import dataclass

import pytest

from reactions_project.registry import Registry, UnknownNameError


@dataclass(frozen=True)
class Fruit:
    name: str
    label: str


@pytest.fixture
def fruits() -> Registry[Fruit]:
    registry: Registry[Fruit] = Registry("fruit")
    registry.add(Fruit("pear", "A pear"))
    registry.add(Fruit("apple", "An apple"))
    return registry


def test_add_returns_the_item_so_that_it_decorates_a_class() -> None:
    registry: Registry[type] = Registry("shape")  # type: ignore[type-var]

    @registry.add
    class Circle:
        name = "circle"
        label = "A circle"

    assert registry.get("circle") is Circle


def test_a_name_is_taken_once(fruits: Registry[Fruit]) -> None:
    with pytest.raises(ValueError, match="'pear' is registered already"):
        fruits.add(Fruit("pear", "Another"))
    assert fruits.get("pear").label == "A pear"


def test_an_unknown_name_is_a_key_error_that_lists_what_there_is(fruits: Registry[Fruit]) -> None:
    with pytest.raises(UnknownNameError) as caught:
        fruits.get("plum")
    assert isinstance(caught.value, KeyError)
    assert str(caught.value) == "There is no fruit 'plum'; known are: apple, pear."


def test_an_empty_registry_says_that_nothing_is_known() -> None:
    with pytest.raises(UnknownNameError, match="known are: none"):
        Registry("fruit").get("plum")


def test_choices_and_iteration_keep_the_order_of_registration(fruits: Registry[Fruit]) -> None:
    assert fruits.choices() == [("pear", "A pear"), ("apple", "An apple")]
    assert [fruit.name for fruit in fruits] == ["pear", "apple"]
    assert "pear" in fruits
    assert "plum" not in fruits


def test_a_temporary_item_goes_away_and_the_former_comes_back(fruits: Registry[Fruit]) -> None:
    with fruits.temporarily(Fruit("pear", "A test pear")) as item, fruits.temporarily(Fruit("plum", "A plum")):
        assert fruits.get("pear") is item
        assert "plum" in fruits
    assert fruits.get("pear").label == "A pear"
    assert "plum" not in fruits


def test_a_temporary_item_goes_away_when_the_test_fails(fruits: Registry[Fruit]) -> None:
    with pytest.raises(RuntimeError), fruits.temporarily(Fruit("plum", "A plum")):
        raise RuntimeError
    assert "plum" not in fruits
