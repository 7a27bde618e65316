"""perf/harness/group_instructions.py: what callgrind_annotate prints as Results."""
import unittest

from harness import group_instructions
from harness.context import ProgramFailed

TEXT = """\
--------------------------------------------------------------------------------
Profile data file '/tmp/callgrind.60' (creator: callgrind-3.19.0)
--------------------------------------------------------------------------------
Ir
--------------------------------------------------------------------------------
4,000,000 (100.0%)  PROGRAM TOTALS

  215,000 (50.12%)  ???:portcullis::dataplane::parse(portcullis::dataplane::Burst&, portcullis::dataplane::Context&) [/b/inprocess]
  100,500 ( 8.00%)  ???:void portcullis::dataplane::(anonymous namespace)::follow<int>(int) [/b/inprocess]
      500 ( 0.01%)  ???:portcullis::dataplane::(anonymous namespace)::follow(char) [/b/inprocess]
   70,000 ( 9.00%)  ???:portcullis::perf::Frames::write(portcullis::perf::Kind) const [/b/inprocess]
   30,000 ( 1.00%)  ./string/../sysdeps/x86_64/strcmp.S:strcmp [/usr/lib/ld-linux-x86-64.so.2]
   20,000 ( 0.50%)  ???:0x0000000000004370 [/usr/lib/librte_net_null.so.23.0]
"""


class Instructions(unittest.TestCase):
    def test_the_pipeline_s_functions_and_their_sum(self):
        found = group_instructions.read(TEXT)
        figures = {r.figure: r.values[0] for r in group_instructions.results("x", found, 1000)}
        self.assertEqual(figures, {"instructions a packet": 316.0, "parse": 215.0, "follow": 101.0})

    def test_what_two_runs_have_in_common_falls_out(self):
        more = group_instructions.read(TEXT.replace("215,000", "645,000")) - group_instructions.read(TEXT)
        whole, *_ = group_instructions.results("x", more, 2000)
        self.assertEqual(whole.values, [215.0])

    def test_a_profile_of_something_else_is_no_result(self):
        with self.assertRaisesRegex(ProgramFailed, "nothing about the pipeline"):
            group_instructions.read("30 (1.00%)  ???:strcmp [/usr/lib/libc.so]\n")


if __name__ == "__main__":
    unittest.main()
