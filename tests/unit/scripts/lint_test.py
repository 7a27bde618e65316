#!/usr/bin/python3
"""scripts/lint finds what it says it finds, and fails then: in a repository of a few files, one of them bad."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
NEEDS = ("scripts/lint", "scripts/include_table.py", ".clang-format")
GOOD_HEADER = "#pragma once\n\ninline int one() {\n    return 1;\n}\n"
GOOD_SOURCE = '#include "rules/one.h"\n\nint two() {\n    return one() + 1;\n}\n'


class Lint(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tree = directory.name
        for name in NEEDS:
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                self.write(name, file.read())
        self.write("rules/one.h", GOOD_HEADER)
        self.write("rules/two.cpp", GOOD_SOURCE)
        subprocess.run(["git", "init", "-q", self.tree], check=True)

    def write(self, name, text):
        path = os.path.join(self.tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def lint(self):
        subprocess.run(["git", "-C", self.tree, "add", "-A"], check=True)
        done = subprocess.run(["bash", os.path.join(self.tree, "scripts/lint")], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def assert_finds(self, title, what):
        code, said = self.lint()
        self.assertEqual(code, 1, said)
        self.assertIn(title, said)
        self.assertIn(what, said)

    def test_a_good_tree_passes(self):
        self.assertEqual(self.lint(), (0, ""))

    def test_format(self):
        self.write("rules/two.cpp", GOOD_SOURCE.replace("    return", "  return"))
        self.assert_finds("scripts/lint --format", "rules/two.cpp")

    def test_include_table(self):
        self.write("rules/two.cpp", "#include <rte_mbuf.h>\n")
        self.assert_finds("include table", "rules/two.cpp")

    def test_who_may_include_what(self):
        """The table itself: a line for each sentence of the README's about it."""
        sys.path.insert(0, os.path.join(ROOT, "scripts"))
        from include_table import check  # pylint: disable=import-outside-toplevel

        may = [("rules/topology/yaml.cpp", "<yaml.h>"), ("rules/inspect/scan.cpp", "<hs/hs_runtime.h>"), ("rules/a.cpp", "<vector>"),
               ("control/a.cpp", "<sys/socket.h>"), ("control/a.cpp", "<spdlog/spdlog.h>"), ("control/a.cpp", '"rules/policy/policy.h"'),
               ("dataplane/worker.cpp", "<spdlog/spdlog.h>"), ("dataplane/a.cpp", '"rules/peer/messages.h"'),
               ("dataplane/stages/a.cpp", "<rte_mbuf.h>"), ("nic/a.cpp", "<rte_ethdev.h>"), ("tests/a.cpp", '"control/daemon.h"')]
        may_not = [("rules/a.cpp", "<yaml.h>"), ("rules/inspect/scan.cpp", "<yaml.h>"), ("rules/a.cpp", "<sys/socket.h>"),
                   ("rules/a.cpp", "<unistd.h>"), ("rules/a.cpp", '"control/store.h"'), ("rules/a.cpp", "<spdlog/spdlog.h>"),
                   ("control/a.cpp", "<rte_mbuf.h>"), ("control/a.cpp", '"dataplane/packet.h"'), ("control/a.cpp", '"nic/eal.h"'),
                   ("control/a.cpp", "<pcap/pcap.h>"), ("dataplane/a.cpp", '"rules/topology/load.h"'), ("dataplane/a.cpp", '"control/fd.h"'),
                   ("dataplane/stages/a.cpp", "<spdlog/spdlog.h>"), ("dataplane/session/a.cpp", "<spdlog/fmt/fmt.h>"),
                   ("dataplane/nat/a.cpp", "<spdlog/spdlog.h>"), ("nic/a.cpp", '"dataplane/packet.h"'), ("nic/a.cpp", '"rules/policy/policy.h"'),
                   ("nic/a.cpp", "<spdlog/spdlog.h>"), ("rules/a.cpp", '"tests/support/a.h"'), ("rules/a.cpp", '"a.h"')]
        for allowed, cases in ((True, may), (False, may_not)):
            for path, header in cases:
                with self.subTest(path=path, header=header):
                    self.assertEqual(check(path, 1, header[0], header[1:-1]) is None, allowed)

    def test_a_header_that_does_not_compile_alone(self):
        self.write("rules/one.h", "#pragma once\n\ninline std::string one() {\n    return {};\n}\n")
        self.assert_finds("headers that do not compile alone", "rules/one.h")

    def test_two_headers_that_mean_different_things_by_one_name(self):
        self.write("rules/other.h", GOOD_HEADER.replace("return 1", "return 2"))
        self.assert_finds("headers that do not compile together", "rules/other.h:3:")

    def test_a_file_that_is_too_long(self):
        self.write("rules/two.cpp", GOOD_SOURCE + "// one more line\n" * 800)
        self.assert_finds("files that should be split", "rules/two.cpp")

    def test_top_level(self):
        self.write("src/main.py", "")
        self.assert_finds("the top level is fixed", "src")

    def test_symbolic_link(self):
        os.symlink("one.h", os.path.join(self.tree, "rules/link.md"))
        self.assert_finds("no symbolic links", "rules/link.md")

    def test_shell(self):
        self.write("scripts/bad", "#!/usr/bin/env bash\ncd $1\n")
        self.assert_finds("shellcheck", "scripts/bad")


if __name__ == "__main__":
    unittest.main()
