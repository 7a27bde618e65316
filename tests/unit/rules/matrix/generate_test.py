"""What rules/matrix/generate.py refuses, and that it says where. Run with the generator's path."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

GENERATOR = str(pathlib.Path(sys.argv.pop()).resolve())
ENTITIES = "enum class Entity : int {\n  internet,  // a { brace\n  access_vip, access_node,\n  av_node, other_av_node };\n"
FEATURES = "enum class Feature { federation, wlm };\n"

# Line numbers of the messages are counted in this text; the row begins in line 6.
DOCUMENT = """\
document: doc
prefix: d
release: lync-2013
tables:
  t:
    - id: d.t.01
      role: Access
      application: HTTP
      transports: tcp
      ports: 80
      from: a node
      to: any
      note: Something.
      opens:
        - {from: access-node, to: internet, tcp: 80, all-of: [federation]}
    - id: d.t.02
      role: Access
      application: HTTP
      transports: tcp
      ports: 80
      from: a node
      to: any
      note: Again.
      restates: d.t.01
"""


def run(document):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file, text in (("row.h", ENTITIES), ("features.h", FEATURES), ("doc.yaml", document)):
            (folder / file).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, GENERATOR, "--rows", "row.h", "--features", "features.h",
             "--output", "out.cpp", "doc.yaml"],
            cwd=folder, capture_output=True, text=True, check=False)
        written = folder / "out.cpp"
        return done.returncode, done.stderr, written.read_text() if written.exists() else None


class Generate(unittest.TestCase):
    def refused(self, old, new, *messages):
        self.assertEqual(DOCUMENT.count(old), 1, old)
        code, errors, written = run(DOCUMENT.replace(old, new))
        self.assertEqual((code, written), (1, None))
        self.assertEqual(errors.splitlines(), [f"doc.yaml:{message}" for message in messages])

    def test_writes_tables(self):
        code, errors, written = run(DOCUMENT)
        self.assertEqual((code, errors), (0, ""))
        self.assertIn('"d.t.02"', written)
        self.assertIn("Entity::access_node", written)
        self.assertIn('"other-av-node"', written)

    def test_keys(self):
        self.refused("      note: Again.\n", "      note: Again.\n      colour: red\n",
                     "24: unknown key 'colour'")
        self.refused("      note: Again.\n", "      note: Again.\n      note: More.\n",
                     "24: the key 'note' is there twice")
        self.refused("      note: Again.\n", "", "16: the key 'note' is missing")
        self.refused("release: lync-2013", "release: lync-2011", "3: 'lync-2011' is no release")
        self.refused("document: doc", "document: dog", "1: the document is 'dog', the file is not")

    def test_names(self):
        self.refused("from: access-node", "from: acess-node", "15: 'acess-node' is no entity")
        self.refused("[federation]", "[federaton]", "15: 'federaton' is no feature")
        self.refused("[federation]", "[wlm, wlm]", "15: 'wlm' is listed twice")

    def test_ids(self):
        self.refused("id: d.t.02", "id: d.t.03", "16: the id is 'd.t.03', its place says 'd.t.02'")
        self.refused("id: d.t.02", "id: d.t.01", "16: the id is 'd.t.01', its place says 'd.t.02'",
                     "16: 'd.t.01' is there twice", "16: restates itself in the end")

    def test_one_of_three(self):
        self.refused("      restates: d.t.01\n", "",
                     "16: exactly one of opens, restates, no-rule is needed, here are 0")
        self.refused("      restates: d.t.01\n", "      restates: d.t.01\n      no-rule: why\n",
                     "16: exactly one of opens, restates, no-rule is needed, here are 2")
        self.refused("restates: d.t.01", "restates: d.t.09", "16: restates 'd.t.09', which is no row")
        self.refused("restates: d.t.01", "restates: d.t.02", "16: restates itself in the end")
        self.refused("restates: d.t.01", "no-rule: ''", "24: the reason is empty")

    def test_openings(self):
        self.refused("tcp: 80,", "tcp: 81,", "15: the row says ports '80'")
        self.refused("tcp: 80,", "udp: 80,", "15: the row says transport 'tcp'")
        self.refused("tcp: 80,", "tcp: 90000,", "15: '90000' is no port, range of ports or 'any'",
                     "15: the row says ports '80'")
        self.refused("tcp: 80,", "tcp: 80, udp: 80,", "15: exactly one of tcp, udp, tcp/udp is needed, here are 2")
        self.refused("{from: access-node", "{from: access-vip", "15: 'access-vip' is never a source on the wire")
        self.refused("to: internet", "to: other-av-node", "15: 'other-av-node' goes with 'from: av-node' alone")
        self.refused("{from: access-node", "{snat: true, from: av-node",
                     "15: snat is 'true', and goes with 'from: access-node' alone")

    def test_an_opening_made_twice(self):
        self.refused("      restates: d.t.01\n",
                     "      opens: [{from: [access-node, av-node], to: internet, tcp: 80}]\n",
                     "24: opens access-node to internet as 'd.t.01' does")

    def test_no_yaml(self):
        self.refused("document: doc", "document: [doc", "2: expected ',' or ']', but got ':'")


if __name__ == "__main__":
    unittest.main()
