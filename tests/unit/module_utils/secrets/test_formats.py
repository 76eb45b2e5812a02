# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is what the program of the format reads, and the rest of the file stays.

The programs are php, Node.js, the package dotenv and Python's json: one process for all examples of a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.known import read, write
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.full import EXAMPLES
from tests.support.parsers import seen

THOROUGH = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)

# What languages, templates and shells make something of.
NASTY = [
    "{{ x }}",
    "{%",
    "%}",
    "${HOME}",
    "$x",
    "%s",
    "'",
    '"',
    "`",
    "\\",
    "\n",
    "\\n",
    "#",
    "//",
    "*/",
    "?>",
    "<?php",
    " ",
]
NASTY += [
    "=",
    ";",
    ",",
    "]",
    "}",
    "</script>",
    "ü",
    "€",
    "😀",
    "\u2028",
    "\u2029",
    "\u00a0",
    "\ufeff",
    "\t",
    "<!--",
    "-->",
]
PARTS = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec="utf-8"), min_size=1, max_size=4))
VALUES = st.lists(PARTS, min_size=1, max_size=8).map("".join)

# Files as people have them, and a place in each: there already, or not yet.
FILES: dict[str, list[tuple[str, Sequence[str]]]] = {
    "json": [
        ("{}\n", ["a"]),
        ('{"a": "old"}', ["a"]),
        ('{\n\t"b" : [1, {"a": "]"}, null],\n\t"c": {"a": "}"}\n}\n', ["a"]),
        ('{\r\n  "c": {"a": "x\\"", "d": 1e3}\r\n}', ["c", "a"]),
        ('{"c": {"d": "x"}}', ["c", "a"]),
        ('{"a": null, "ü\\u0062": true}', ["a"]),
        ("{ }", ["new", "deep", "a"]),
    ],
    "php": [
        ("<?php\nreturn [];\n", ["a"]),
        ("<?php return array('a' => 'old');", ["a"]),
        (
            "<?php\n// return 1;\nreturn array(\n    'b' => 5, # it's\n"
            "    'a' => \"old \\$x \\x41\\n\", // more\n) ;\n?>\n",
            ["a"],
        ),
        ("<?php\ndeclare(strict_types=1);\nreturn [\n\t'b' => [1, 2, ['a' => '];']],\n];", ["a"]),
        ("<?php return ['c' => ['d' => strlen('x') + 1 /* , */], 'e' => fn($x) => [$x, 'a' => 1]];", ["c", "a"]),
        ("<?php return [\n  'b' => 1 + 2 // why\n];", ["a"]),
        ("<?php return ['h' => <<<END\n  'a' => 'x',\n  END, 'a' => null];", ["a"]),
        ("<?php return ['b' => true,];", ["new", "deep", "a"]),
        ("<?php return [ 'a' => 'x' , ] ;", ["a"]),
    ],
    "javascript": [
        ("module.exports = {};\n", ["a"]),
        ("module.exports = {a: 'old'}", ["a"]),
        (
            "'use strict'\nconst f = () => { return /[}'\"]/.test('x') }\n"
            "module.exports = {\n  // it's\n  b: f(),\n  a: `old`,\n}\n",
            ["a"],
        ),
        ("module.exports = {\n  b: 6 / 2 / 3, c: [1, {a: '}'}], d: `x${{a: '}'}.a}`\n};\n", ["a"]),
        ("module.exports = { 'c-d': { m () { return '}' } } }", ["c-d", "a"]),
        ("module.exports = {\n  b: 1 // why\n}", ["a"]),
        ("export default {\n  a: undefined, e: 'x',\n};\n", ["a"]),
        ("/* it */ module.exports = { b: x => x / 2, 3: null }", ["new", "deep", "a-b"]),
    ],
    "dotenv": [
        ("", ["A"]),
        ("A=old\n", ["A"]),
        ("# it's\nB='x # y'\nexport A = \"old\" # more\nC=`a'b\"c`\n", ["A"]),
        ("B=1\nA=\nC=x y z\n", ["A"]),
        ("A= # empty\nB=2", ["A"]),
        ("A=1\r\nB='two\r\nlines'\r\n", ["A"]),
        ("A=1\nB=2\nA='last'", ["A"]),
        ("B=2", ["A"]),
    ],
}


def put(data: Any, path: Sequence[str], value: str) -> Any:
    """The data with the value at the path. An empty array of PHP is a list of JSON."""
    table = dict(data or {})
    table[path[0]] = put(table.get(path[0]), path[1:], value) if len(path) > 1 else value
    return table


@pytest.mark.parametrize("format_", FILES)
def test_a_value_is_read_as_it_was_written_and_the_rest_stays(format_: str) -> None:
    befores = seen(format_, [text for text, _path in FILES[format_]])
    assert None not in befores, "one of the files is none of its format"
    written: list[tuple[int, str, str]] = []

    @THOROUGH
    @given(st.integers(0, len(FILES[format_]) - 1), VALUES)
    def collect(at: int, value: str) -> None:
        text, path = FILES[format_][at]
        try:
            new = write(format_, "file", text, path, value)
        except ScaleoutError:
            if format_ == "dotenv" and not_for_dotenv(value):
                return
            raise
        assert read(format_, new, path) == value
        assert write(format_, "file", new, path, value) == new, "the second time it is written it changes"
        assert kept(text, new), "more was changed than one place"
        written.append((at, value, new))

    collect()
    assert len(written) > EXAMPLES // 3
    for format_too in ["dotenv", "node"] if format_ == "dotenv" else [format_]:
        for (at, value, new), after in zip(written, seen(format_too, [new for _at, _value, new in written])):
            _text, path = FILES[format_][at]
            assert after == put(befores[at], path, value), (format_too, new)


def not_for_dotenv(value: str) -> bool:
    """What no kind of quotes holds for both of its readers."""
    return all(quote in value for quote in "'`") or value.endswith("\\") or "\r" in value or "\0" in value


def kept(old: str, new: str) -> bool:
    """Whether one place of the old text was replaced, and nothing else that carries meaning."""
    front = shared(old, new)
    back = shared(old[front:][::-1], new[front:][::-1])
    replaced = old[front : len(old) - back]
    return "\n" not in replaced.strip() and len(replaced) <= len('"old \\$x \\x41\\n"')


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


BODIES = st.lists(
    st.sampled_from([*"\\\\\\\\'\"`$nrtvbfeu0x17Aa{}\n\r ü", "\\u", "\\u{", "\\x", "😀", "\u2028", "\\ud83d\\ude00"]),
    max_size=9,
).map("".join)
LITERALS = {
    "php": ("<?php return ['a' => {}];", ["'", '"']),
    "javascript": ("module.exports = {{a: {}}}", ["'", '"', "`"]),
    "json": ('{{"a": {}}}', ['"']),
    "dotenv": ("a={}\n", ["'", '"', "`", ""]),
}


@pytest.mark.parametrize("format_", ["php", "javascript", "dotenv"])
def test_what_others_wrote_is_read_as_their_program_reads_it(format_: str) -> None:
    frame, quotes = LITERALS[format_]
    ours: list[tuple[str, str]] = []

    @THOROUGH
    @given(BODIES, st.sampled_from(quotes))
    def collect(body: str, quote: str) -> None:
        text = frame.format(quote + body + quote)
        try:
            found = read(format_, text, ["a"])
        except ScaleoutError:
            return
        if found is not None:
            ours.append((text, found))

    if format_ == "dotenv":
        # A line end of JavaScript within what is a line of the file.
        collect = example("}n\u2028``", "")(collect)
    collect()
    assert len(ours) > EXAMPLES // 20
    for (text, found), theirs in zip(ours, seen(format_, [text for text, _found in ours])):
        assert theirs is not None, text
        assert theirs["a"] == found, text


@pytest.mark.parametrize(
    ("format_", "text", "path", "said"),
    [
        ("json", '{"a": 1}', ["a"], "line 1: a is no text in quotes"),
        ("json", '{"a": "x",\n "a": "y"}', ["a"], "line 2: a is there 2 times"),
        ("json", '{"a": "x"', ["a"], "line 1: it is no JSON"),
        ("json", "[]", ["a"], "outermost value is no object"),
        ("json", '{"a": ["x"]}', ["a", "0"], "a holds no names"),
        ("php", "<?php return ['a' => getenv('A')];", ["a"], "a is no text in quotes"),
        ("php", "<?php return ['a' => 'x' . 'y'];", ["a"], "a is no text in quotes"),
        ("php", '<?php return ["a" => "x$y"];', ["a"], "a is no text in quotes"),
        ("php", "<?php return ['a' => 'x', ...$more];", ["a"], "what a holds cannot be told"),
        ("php", "<?php return ['a' => 'x', A::B => 'y'];", ["a"], "what a holds cannot be told"),
        ("php", "<?php return ['x', 'y'];", ["0"], "what 0 holds cannot be told"),
        ("php", "<?php if ($x) return ['a' => 'x']; return ['a' => 'y'];", ["a"], "depends on something"),
        ("php", "<?php if ($x) { return ['a' => 'x']; } return ['a' => 'y'];", ["a"], "depends on something"),
        ("php", "<?php return ['a' => 'x'] + $more;", ["a"], "something stands behind the array"),
        ("php", "<?php return array_merge(['a' => 'x']);", ["a"], "something else than an array"),
        ("php", "<?php // ?>\nreturn ['a' => 'x'];", ["a"], "it leaves PHP"),
        ("php", "<html>", ["a"], "does not begin with <?php"),
        ("php", "<?php return ['a' => 'x'", ["a"], "a bracket that is not closed"),
        ("php", "<?php return ['a' => 'x' 'b' => 'y'];", ["a"], "is no text in quotes"),
        ("javascript", "module.exports = {a: process.env.A || 'x'}", ["a"], "a is no text in quotes"),
        ("javascript", "module.exports = {a: 'x' + y}", ["a"], "a is no text in quotes"),
        ("javascript", "module.exports = {a: `x${y}`}", ["a"], "a is no text in quotes"),
        ("javascript", "const a = 'x'; module.exports = {a}", ["a"], "a is no text in quotes"),
        ("javascript", "module.exports = {a () {}}", ["a"], "a is no text in quotes"),
        ("javascript", "module.exports = {a: 'x', ...more}", ["a"], "what a holds cannot be told"),
        ("javascript", "module.exports = {a: 'x', [b]: 'y'}", ["a"], "what a holds cannot be told"),
        ("javascript", "module.exports = {a: 'x', get a () { return 1 }}", ["a"], "what a holds cannot be told"),
        ("javascript", "module.exports = {a: 'x'}\nmodule.exports.a = 'y'", ["a"], "something stands behind"),
        ("javascript", "if (x) { module.exports = {a: 'x'} }", ["a"], "depends on something"),
        ("javascript", "(function () { module.exports = {a: 'x'} })()", ["a"], "depends on something"),
        ("javascript", "module.exports = f({a: 'x'})", ["a"], "something else than an object"),
        ("javascript", "module.exports.a = 'x'", ["a"], "in another way than"),
        ("javascript", "exports.a = 'x'", ["a"], "in another way than"),
        ("javascript", "export const a = 'x'", ["a"], "more than one object"),
        ("javascript", "const a = 'x'", ["a"], "neither says"),
        ("dotenv", "A=1\rB=2\n", ["A"], "end in different ways"),
        ("dotenv", "A=1", ["A-B"], "no name of a variable"),
        ("dotenv", "A=1", ["A", "B"], "no name of a variable"),
    ],
)
def test_what_is_no_literal_is_refused_and_never_shown(format_: str, text: str, path: list[str], said: str) -> None:
    for attempt in (lambda: read(format_, text, path), lambda: write(format_, "file", text, path, "new")):
        with pytest.raises(ScaleoutError) as refused:
            attempt()
        assert said in str(refused.value)


def test_a_name_that_is_no_value_in_javascript_is_refused() -> None:
    with pytest.raises(ScaleoutError, match="__proto__ is no name"):
        write("javascript", "x.js", None, ["__proto__"], "x")


def test_a_quote_without_its_pair_does_not_swallow_the_secret() -> None:
    with pytest.raises(ScaleoutError, match="without changing what else the file says"):
        write("dotenv", ".env", "B='open\n", ["A"], "it'\nmine")


@pytest.mark.parametrize(
    ("format_", "path", "key", "content"),
    [
        ("json", "/x.json", ["s"], '{\n  "s": "v"\n}\n'),
        ("php", "/x.php", ["s"], "<?php\n\nreturn [\n  's' => 'v'\n];\n"),
        ("javascript", "/x.js", ["s"], 'module.exports = {\n  s: "v"\n};\n'),
        ("javascript", "/x.mjs", ["s"], 'export default {\n  s: "v"\n};\n'),
        ("dotenv", "/.env", ["S"], "S=v\n"),
        ("raw", "/keyfile", [], "v\n"),
    ],
)
def test_a_file_that_is_not_there_gets_the_secret_and_nothing_else(
    format_: str, path: str, key: list[str], content: str
) -> None:
    assert write(format_, path, None, key, "v") == content


@THOROUGH
@given(VALUES, VALUES, st.booleans())
def test_a_raw_file_keeps_the_end_of_its_last_line(old: str, new: str, ended: bool) -> None:
    before = old.rstrip("\n") + ("\n" if ended else "")
    after = write("raw", "/keyfile", before, [], new)
    assert read("raw", after, []) == new
    assert after.removesuffix("\n") == new.removesuffix("\n") or after == new + "\n"
    if ended:
        assert after.endswith("\n")
    assert not read("raw", "", []), "an empty file holds nothing"


@pytest.mark.parametrize(
    ("format_", "text"),
    [("json", '{"a": ""}'), ("php", "<?php return ['a' => ''];"), ("dotenv", "a=\n"), ("raw", "\n"), ("json", "{}")],
)
def test_an_empty_text_is_no_secret(format_: str, text: str) -> None:
    assert read(format_, text, [] if format_ == "raw" else ["a"]) is None
