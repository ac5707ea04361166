"""A gNB's file as a tree: as PyYAML reads it, or not at all."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ran_slicing.yaml_text import MAX_TEXT, read_yaml
from wire.errors import ConfigError


def oracle(text):
    """What PyYAML makes of it with scalars left as texts, as the gNB takes them; an empty plain scalar is nothing."""

    def nothing(value):
        if isinstance(value, dict):
            return {key: nothing(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [nothing(inner) for inner in value]
        return None if value == "" else value

    return nothing(yaml.load(text, Loader=yaml.BaseLoader))


EXAMPLES = (
    """
# a comment
cu_cp:
  amf:
    addr: 127.0.0.5                 # its address
    supported_tracking_areas:
      - tac: 7
        plmn_list:
          - plmn: 00101
            tai_slice_support_list:
              - sst: 1
              - { sst: 1, sd: 0x000001 }
ru_sdr:
  device_args: tx_port=tcp://127.0.0.1:2000,rx_port=tcp://127.0.0.1:2001,base_srate=23.04e6
""",
    "a: 1",
    "- 1\n- 2",
    "---\na: b",
    "one scalar",
    "a: \"q\\n\"\nb: [a, \"b, c\", 'd''e']",
    "a:\n  - - 1\n    - 2\n  - {}\n  - []",
    "key with space: value with: no\n".replace(": no", " no"),
    "a:\n- b\n- c: 1\n  d: 2\nz: 1",
    "a: http://x:1/y#z",
    "a: {b: c:d, e: [1, 2], f: {g: h}}",
    "a: [1,\n  2, # two\n  3]\nb: 1",
    "a: b # c\n#d\n  # e\nb: c",
    "a:\nb:\n  c:\n",
    "- a: 1\n  b: 2\n-\n  - x\n  - y",
    '"quoted key": 1\n\'another\': "#"',
    "a: -1\nb: -x\nc: a-b",
    "",
)


@pytest.mark.parametrize("text", EXAMPLES)
def test_it_is_what_pyyaml_reads(text):
    assert read_yaml(text, "gnb.yml") == oracle(text)


def test_scalars_are_what_stands_there():
    """YAML 1.1 makes 65, 1, true and nothing of these; the gNB sees the texts."""
    text = "plmn: 00101\nsd: 0x01\nyes: on\nnothing: ~\nempty: ''"
    assert read_yaml(text, "x") == {"plmn": "00101", "sd": "0x01", "yes": "on", "nothing": None, "empty": ""}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: &x 1", "gnb.yml:1: .*anchors"),
        ("a: 1\nb: *x", "gnb.yml:2: .*anchors"),
        ("a: !int 1", "gnb.yml:1: .*tags"),
        ("a: |\n  text", "gnb.yml:1: "),
        ("a: b\n  c", "gnb.yml:1: goes on"),
        ("a: 1\na: 2", "gnb.yml:2: a stands here twice"),
        ("a: {b: 1, b: 2}", "gnb.yml:1: b stands here twice"),
        ("a: 1\n---\nb: 2", "gnb.yml:2: one document"),
        ("%YAML 1.2\n---\na: 1", "gnb.yml:1: one document"),
        ("a:\n\tb: 1", "gnb.yml:2: a tab"),
        ("a:\n  b: 1\n c: 2", "gnb.yml:3: "),
        ("a: 1\n  b: 2", "gnb.yml:1: goes on"),
        ("a: [1, 2", "gnb.yml:1: a bracket is never closed"),
        ("a: [1] 2", "gnb.yml:1: .*after a closing bracket"),
        ("a: {1, 2}", "gnb.yml:1: inside"),
        ("a: [1 [2]]", "gnb.yml:1: "),
        ('a: "x', "gnb.yml:1: .*quoted wrongly"),
        ('a: "x" y', "gnb.yml:1: .*quoted wrongly"),
        ('a: "\\q"', r"gnb.yml:1: \\q is not understood"),
        ("a: b: c", "gnb.yml:1: .*a colon"),
        ("a: - b", "gnb.yml:1: .*a list begins"),
        ("a: 1\nb", "gnb.yml:2: .*is not `key: value`"),
        ("  a: 1\nb: 2", "gnb.yml:2: is indented less"),
        ("\n".join(" " * depth + "a:" for depth in range(60)), "deeper than"),
        ("a: " + "[" * 60 + "]" * 60, "deeper than"),
        ("#" * (MAX_TEXT + 1), "characters"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(text, where):
    with pytest.raises(ConfigError, match=where):
        read_yaml(text, "gnb.yml")


texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
trees = st.recursive(
    texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(trees, st.sampled_from([False, True, None]))
def test_what_pyyaml_writes_is_read_as_it_was(tree, flow):
    """Or refused: PyYAML writes some texts over several lines, or with a question mark before the key."""
    written = yaml.dump(tree, default_flow_style=flow, width=10_000, sort_keys=False)
    if re.search(r"""\? |!!|\.\.\.|\n\n|['"#]|:(?=\S)""", written):
        return
    assert _same(read_yaml(written, "x"), tree)


def _same(found, tree):
    """PyYAML quotes what is empty; unquoted nothing, and the texts that mean it, are None to us."""
    if isinstance(tree, dict):
        return (
            isinstance(found, dict)
            and list(found) == list(tree)
            and all(_same(found[k], tree[k]) for k in tree)
        )
    if isinstance(tree, list):
        return isinstance(found, list) and len(found) == len(tree) and all(map(_same, found, tree))
    return found == tree


@given(st.text(alphabet="ab:-#'\"[]{}, \n\t&", max_size=60))
def test_any_text_is_a_tree_or_a_config_error(text):
    try:
        read_yaml(text, "x")
    except ConfigError:
        return


@given(st.text(alphabet="ab:- \n[],{}", max_size=40))
def test_what_is_read_at_all_is_read_as_pyyaml_does(text):
    try:
        found = read_yaml(text, "x")
    except ConfigError:
        return
    try:
        wanted = oracle(text)
    except yaml.YAMLError:
        return  # we are more lenient, for instance with `a: 1` below `b: `
    assert found == wanted
