"""JSON with comments: what is read, where it stands, and what is said of a fault."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrs import jsonc

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


def plain(node: jsonc.Node) -> object:
    if isinstance(node, jsonc.Array):
        return [plain(item) for item in node.items]
    if isinstance(node, jsonc.Object):
        return {member.key: plain(member.node) for member in node.members}
    return node.value


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_whatever_json_writes_is_read_back(
    value: object, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert plain(jsonc.parse(text)) == value


def test_comments_and_trailing_commas_are_skipped() -> None:
    text = """// first
    {"a": [1, /* two */ 2,], /* over
    two lines **/ "b": "// no comment /* either */",
    } // last"""
    assert plain(jsonc.parse(text)) == {
        "a": [1, 2],
        "b": "// no comment /* either */",
    }


def test_every_value_knows_its_line_and_column() -> None:
    root = jsonc.parse('{\n  "a": [\r\n    1, /* x\n */ true],\n\t"b": {}}')
    assert isinstance(root, jsonc.Object)
    first, second = root.members
    assert isinstance(first.node, jsonc.Array)
    assert (root.spot, first.spot, first.node.spot) == ((1, 1), (2, 3), (2, 8))
    assert [item.spot for item in first.node.items] == [(3, 5), (4, 5)]
    assert (second.spot, second.node.spot) == ((5, 2), (5, 7))


def test_equal_keys_are_both_kept() -> None:
    root = jsonc.parse('{"a": 1, "a": 2}')
    assert isinstance(root, jsonc.Object)
    assert [member.key for member in root.members] == ["a", "a"]


def test_no_depth_of_nesting_exhausts_the_stack() -> None:
    jsonc.parse("[" * 50_000 + "]" * 50_000)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "the file ends here, expected a value"),
        ("{\n", 2, 1, 'the file ends here, expected "}" or text in double quotes'),
        ('{"a" 1}', 1, 6, 'found 1, expected ":"'),
        ('{"a": 1\n "b": 2}', 2, 2, 'a "," is missing before "b"'),
        ("[1 2]", 1, 4, 'a "," is missing before 2'),
        ('{"a": @}', 1, 7, "found '@', expected a value"),
        ("[1,,2]", 1, 4, 'found ",", expected a value or "]"'),
        ("[,]", 1, 2, 'found ",", expected a value or "]"'),
        ('{"a": 1}}', 1, 9, 'found "}", expected the end of the file'),
        ('{"a": [1}', 1, 9, 'found "}", expected "]" or ","'),
        ('{"a": "x\n"}', 1, 7, 'found "x, expected text with a closing quote'),
        ('{"a": /* b }', 1, 7, "this comment is never closed: expected */"),
        ('{"a": True}', 1, 7, "found True, expected true"),
        ('{"a": None}', 1, 7, "found None, expected null"),
        ('{"a": main}', 1, 7, 'found main, expected "main" in double quotes'),
        ("{a: 1}", 1, 2, 'found a, expected "a" in double quotes'),
        ("{'a': 1}", 1, 2, "found a single quote, expected text in double quotes"),
        (r'{"a": "\z"}', 1, 7, r'found "\z": JSON has no such escape'),
        ('{"a": 1e999}', 1, 7, "found 1e999: the number is out of range"),
        ('{"a": 01}', 1, 8, 'a "," is missing before 1'),
        ('{"a": +1}', 1, 7, "found '+', expected a value"),
        ("# comment", 1, 1, "found '#', expected a value"),
    ],
)
def test_a_fault_is_told_with_its_place(
    text: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(jsonc.TextFault) as caught:
        jsonc.parse(text)
    assert (caught.value.spot, caught.value.message) == ((line, column), message)


@given(st.text(st.sampled_from('{}[]",:/*\n 1a\\-tr')))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    fault = None
    try:
        jsonc.parse(text)
    except jsonc.TextFault as caught:
        fault = caught
    if fault:
        assert 1 <= fault.spot.line <= text.count("\n") + 1
        assert fault.message
