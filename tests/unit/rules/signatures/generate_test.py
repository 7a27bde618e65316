"""What rules/signatures/generate.py refuses, and that it says where. Run with the generator's path."""

import itertools
import pathlib
import random as randomness
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
GENERATOR = pathlib.Path(sys.argv.pop()).resolve()
sys.path.insert(0, str(GENERATOR.parent))
import pattern  # noqa: E402

CLASSES = "enum class ProtocolClass : int {\n  none,  // a { brace\n  sip_tls, dns_udp, custom };\n"
MESSAGES = "enum class Message { hello, query, framed_query };\n"

# Line numbers of the messages are counted in this text.
DATA = """\
messages:
  hello:
    source: RFC 1
    pattern: '^ab[c-e]'
    bytes: 3
  query:
    source: RFC 2
    pattern: '^(?:q|r{2})x?'
    bytes: 1
  framed-query:
    source: RFC 3
    header: '^..'
    then: query
    bytes: 3
classes:
  sip-tls:
    summary: SIP
    source: RFC 4
    transport: tcp
    watch-only: because
    messages: [framed-query, hello]
  dns-udp:
    summary: DNS
    source: RFC 5
    transport: udp
    messages: [query]
"""


def run(data):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file, text in (("c.h", CLASSES), ("m.h", MESSAGES), ("data.yaml", data)):
            (folder / file).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(GENERATOR), "--classes", "c.h", "--messages", "m.h", "--output", "out.cpp",
             "data.yaml"],
            cwd=folder, capture_output=True, text=True, check=False)
        written = folder / "out.cpp"
        return done.returncode, done.stderr, written.read_text() if written.exists() else None


def draw(random, depth):
    """A random pattern, parsed, of a and b."""
    kind = random.choice(("set", "seq", "alt", "rep")) if depth else "set"
    if kind == "set":
        return ("set", frozenset(random.choice(("a", "b", "ab")).encode()))
    if kind in ("seq", "alt"):
        return (kind, tuple(draw(random, depth - 1) for _ in range(2)))
    part = draw(random, depth - 1)
    if pattern.least(part) == 0:
        return part
    lower = random.randrange(3)
    return ("rep", part, lower, max(1, lower + random.randrange(3)))


class Generate(unittest.TestCase):
    def refused(self, old, new, *messages):
        self.assertEqual(DATA.count(old), 1, old)
        code, errors, written = run(DATA.replace(old, new))
        self.assertEqual(errors.splitlines(), [f"data.yaml:{message}" for message in messages])
        self.assertEqual((code, written), (1, None))

    def test_writes_tables(self):
        code, errors, written = run(DATA)
        self.assertEqual((code, errors), (0, ""))
        self.assertIn(r'"^..(?:q|r{2})x?"', written)
        self.assertIn("3, 5};", written)
        self.assertIn('"because", false, k_of_sip_tls}', written)
        self.assertIn("k_of_sip_tls[] = {k_framed_query, k_hello};", written)

    def test_keys(self):
        self.refused("    bytes: 3\n  query", "    bytes: 3\n    colour: red\n  query", "6: unknown key 'colour'")
        self.refused("    summary: DNS\n", "", "23: the key 'summary' is missing", "7: no class has the message 'query'")
        self.refused("    summary: DNS", "    summary: ''", "23: 'summary' is empty")
        self.refused("    header: '^..'\n", "", "11: either 'pattern' is needed, or 'header' and 'then'")

    def test_names(self):
        self.refused("  dns-udp:", "  dns-tcp:", "22: unknown key 'dns-tcp'", "16: the key 'dns-udp' is missing",
                     "7: no class has the message 'query'")
        self.refused("messages: [query]", "messages: [quest]", "26: 'quest' is no message",
                     "7: no class has the message 'query'")
        self.refused("then: query", "then: hullo", "13: 'hullo' is no message above this one")

    def test_transport_and_names(self):
        self.refused("transport: udp", "transport: sctp", "25: the transport is tcp or udp")
        self.refused("    watch-only: because\n", "    names: true\n",
                     "20: names is 'true', and goes with tls-hello and sslv2-hello alone")

    def test_bytes(self):
        self.refused("    bytes: 3\n  query", "    bytes: 4\n  query", "5: the shortest match has 3 bytes")
        self.refused("'^ab[c-e]'", "'^ab[c-e].{4096}'", "5: the shortest match has 4099 bytes",
                     "3: the longest match has 4099 bytes; 4096 are kept")

    def test_order(self):
        code, errors, _ = run(DATA.replace("  sip-tls:", "  x:").replace("  dns-udp:", "  sip-tls:")
                              .replace("  x:", "  dns-udp:"))
        self.assertEqual((code, errors), (1, "data.yaml:16: the classes are not in the order of ProtocolClass\n"))

    def test_patterns(self):
        for text, message in (
                ("ab", "character 1: a pattern begins with ^"),
                ("^a|^b", "character 3: '|' is not allowed here"),
                ("^a*", "character 3: '*' is not allowed here"),
                ("^a+", "character 3: '+' is not allowed here"),
                ("^a$", "character 3: '$' is not allowed here"),
                ("^a)", "character 3: ')' is not allowed here"),
                ("^(?:a|)", "character 7: an empty alternative"),
                ("^(?:a", "character 6: the group is not closed"),
                ("^(a)", "character 2: '(' is not allowed here"),
                ("^a?", "character 4: the pattern matches nothing at all"),
                ("^a{2,1}", "character 3: {2,1} repeats from the less to the more, 1 to 4096 times"),
                ("^a{2,}", "character 3: a repeat is {n} or {n,m}"),
                ("^a{2}{3}", "character 6: a repeat of a repeat"),
                ("^(?:a?){2}b", "character 11: a repeat of what may be nothing"),
                ("^\\xAB", "character 4: \\x wants two digits, 0-9 and a-f"),
                ("^\\s", "character 3: only \\xNN, \\t, \\n, \\r and punctuation are escaped"),
                ("^[c-a]", "character 6: a range that does not rise"),
                ("^[aa]", "character 5: a byte is in the class twice"),
                ("^[a-cb]", "character 7: a byte is in the class twice"),
                ("^[\\x00-\\xff]", "character 13: a class of no byte, or of all"),
                ("^[a", "character 4: '' is not allowed here")):
            with self.assertRaises(pattern.PatternError, msg=text) as caught:
                pattern.parse(text)
            self.assertEqual(str(caught.exception), message, text)

    def test_twins(self):
        for text, twin in (
                ("^a", r"^(?:a)\z"),
                ("^ab", r"^(?:ab?)\z"),
                ("^abc", r"^(?:a(?:bc?)?)\z"),
                ("^a.{3}b", r"^(?:a(?:.{1,3}|.{3}b)?)\z"),
                ("^a{1,3}b", r"^(?:a{1,3}b?)\z"),
                ("^(?:ab|c)d", r"^(?:ab?|c|(?:ab|c)d)\z"),
                ("^(?:ab)?c", r"^(?:ab?|(?:ab)?c)\z")):
            self.assertEqual(pattern.twin(pattern.parse(text)), twin)

    def test_twins_of_random_patterns(self):
        """Against every string of the language, listed; the data has no such nests of repeats."""
        random = randomness.Random(6)
        texts = ["".join(letters) for length in range(1, 9) for letters in itertools.product("ab", repeat=length)]
        tried = 0
        while tried < 150:
            node = draw(random, 3)
            if not 0 < pattern.least(node) <= pattern.most(node) <= 8:
                continue
            tried += 1
            text = pattern.anchored(node)
            parsed = pattern.parse(text)
            whole = re.compile(text + r"\Z")
            language = [candidate for candidate in texts if whole.match(candidate)]
            begun = {word[:length] for word in language for length in range(1, len(word) + 1)}
            twin = re.compile(pattern.twin(parsed).replace(r"\z", r"\Z"))
            self.assertEqual({candidate for candidate in texts if twin.match(candidate)}, begun, text)
            self.assertEqual((min(map(len, language)), max(map(len, language))),
                             (pattern.least(parsed), pattern.most(parsed)), text)

    def test_no_yaml(self):
        self.refused("source: RFC 1", "source: [RFC 1", "4: expected ',' or ']', but got ':'")


if __name__ == "__main__":
    unittest.main()
