"""An operator's own patterns, through the program itself: it compiles them by starting itself again.

Run with the program's path and the folder of the samples.
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SAMPLES = pathlib.Path(sys.argv.pop())
PROGRAM = sys.argv.pop()

TOPOLOGY = (SAMPLES / "lync-2013-single-director.yaml").read_text(encoding="utf-8")
ADDED = """
conformance:
  classes:
    backup: {transport: tcp, patterns: ["^BKP[12]", '%s']}
site-rules:
  - allow: {from: corporate, to: internet, tcp: 10000, destinations: 198.51.100.9, class: backup, mode: MODE, reason: backups}
"""


def run(command, *patterns, mode="watch"):
    kept = TOPOLOGY.split("\nconformance:")[0].split("\nsite-rules:")[0]
    text = kept + (ADDED % "', '".join(patterns)).replace("MODE", mode)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([PROGRAM, command, file.name], capture_output=True, text=True, check=False)
    line = text[:text.index("    backup:")].count("\n") + 1
    return done.returncode, done.stdout, done.stderr, line


class Patterns(unittest.TestCase):
    def test_are_compiled(self):
        code, out, errors, _ = run("check", "^BKPX.{0,8}")
        self.assertEqual((code, errors), (0, ""), out)

    def test_are_named_where_they_are_off(self):
        for command, said in (("signatures", "backup"), ("rules", "backup by service ")):
            for mode in ("off", "enforce"):
                code, out, errors, _ = run(command, "^BKPX", mode=mode)
                self.assertEqual((code, errors), (0, ""), out)
                self.assertIn(said, out)
                self.assertNotIn("custom", out)

    def test_are_refused_with_their_place(self):
        code, _, errors, line = run("check", "^BKP.*")
        self.assertEqual(code, 1)
        self.assertIn(f":{line}:", errors)
        self.assertIn("pattern '^BKP.*' has no bound to its length", errors)
        self.assertIn("replace *, + and {n,} by bounds", errors)

    def test_that_cost_too_much_are_an_error(self):
        # Half a minute of Hyperscan's time; the program gives it five seconds.
        slow = [f"^(?:a?b?c?d?e?f?g?{letter}?){{1,500}}z" for letter in "hijklmnopq"]
        code, _, errors, line = run("check", *slow)
        self.assertEqual(code, 1)
        self.assertIn(f":{line}:", errors)
        self.assertIn("compiling the patterns took more than", errors)

    def test_the_hidden_argument_wants_a_request(self):
        done = subprocess.run([PROGRAM, "--compile-patterns"], stdin=subprocess.DEVNULL, capture_output=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (1, b""))


if __name__ == "__main__":
    unittest.main()
