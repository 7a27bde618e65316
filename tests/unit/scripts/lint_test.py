#!/usr/bin/python3
"""scripts/lint finds what it says it finds, and fails then: in a repository of a few files, one of them bad."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
NEEDS = ("scripts/lint", "scripts/include_table.py", ".clang-format", ".clang-tidy")
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

    def lint(self, *arguments, path=None):
        subprocess.run(["git", "-C", self.tree, "add", "-A"], check=True)
        done = subprocess.run(["bash", os.path.join(self.tree, "scripts/lint"), *arguments], capture_output=True, text=True,
                              env={**os.environ, "PATH": path or os.environ["PATH"]}, check=False)
        return done.returncode, done.stdout + done.stderr

    def assert_finds(self, title, what, *arguments, **more):
        code, said = self.lint(*arguments, **more)
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

    def configure_build(self, *names, flags=""):
        entries = [{"directory": os.path.join(self.tree, "build"), "file": f"../{name}",
                    "command": f"ccache g++ -I.. -std=c++20 -Werror -Wno-restrict {flags} -c ../{name}"} for name in names]
        self.write(".gitignore", "build/\n")
        self.write("build/compile_commands.json", json.dumps(entries))

    def test_tidy(self):
        self.configure_build("rules/two.cpp")
        self.assertEqual(self.lint("--tidy"), (0, ""))
        self.write("rules/two.cpp", GOOD_SOURCE.replace("one() + 1", "one() == one()"))
        self.assertEqual(self.lint(), (0, ""))
        self.assert_finds("clang-tidy", "rules/two.cpp:4:18: error: ", "--tidy")

    def test_tidy_of_some_files(self):
        self.write("control/bad.cpp", "int three(int three) {\n    return three - three;\n}\n")
        self.configure_build("rules/two.cpp", "control/bad.cpp")
        self.assertEqual(self.lint("--tidy", "rules"), (0, ""))
        self.assert_finds("clang-tidy", "control/bad.cpp", "--tidy", "rules", "control/bad.cpp")
        self.assert_finds("clang-tidy", "rules/tow.cpp", "--tidy", "rules/tow.cpp")

    def test_tidy_of_a_finding_in_a_header(self):
        self.write("rules/one.h", GOOD_HEADER.replace("return 1", "return 1 - 1 == 2 || 1 - 1 == 2"))
        self.configure_build("rules/two.cpp")
        self.assert_finds("clang-tidy", "rules/one.h:4:", "--tidy")

    # What clang-tidy did not look at must not pass for clean: often it says so on standard error and ends with 0.
    def test_tidy_without_a_build(self):
        self.write("rules/two.cpp", "int two() {\n    return 2;\n}\n")
        self.assert_finds("clang-tidy", "rules/two.cpp", "--tidy")

    def test_tidy_of_a_source_that_the_build_does_not_know(self):
        self.configure_build()
        self.assert_finds("clang-tidy", "rules/two.cpp", "--tidy")

    def test_tidy_of_a_source_whose_header_is_missing(self):
        self.configure_build("rules/two.cpp")
        self.write("rules/two.cpp", GOOD_SOURCE.replace("one.h", "none.h").replace("one()", "1"))
        self.assert_finds("clang-tidy", "rules/two.cpp:1:10: error: 'rules/none.h' file not found", "--tidy")

    def test_tidy_with_a_flag_that_clang_does_not_know(self):
        self.configure_build("rules/two.cpp", flags="-fno-such-flag")
        self.assert_finds("clang-tidy", "-fno-such-flag", "--tidy")

    def test_tidy_with_a_configuration_that_cannot_be_read(self):
        self.configure_build("rules/two.cpp")
        self.write(".clang-tidy", "Checks: '-*\n")
        self.assert_finds("clang-tidy", ".clang-tidy", "--tidy")

    def test_tidy_that_dies(self):
        self.configure_build("rules/two.cpp")
        self.write("build/bin/clang-tidy", "#!/bin/sh\nkill -9 $$\n")
        os.chmod(os.path.join(self.tree, "build/bin/clang-tidy"), 0o755)
        path = os.path.join(self.tree, "build/bin") + ":" + os.environ["PATH"]
        self.assert_finds("clang-tidy", "rules/two.cpp:1: clang-tidy failed (137)", "--tidy", path=path)


if __name__ == "__main__":
    unittest.main()
