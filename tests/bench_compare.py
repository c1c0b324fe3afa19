#!/usr/bin/env python3
"""bench/compare.py with two stand-ins for dltool and PyTorch: medians, ratio, doubts and exit codes."""
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

COMPARE = pathlib.Path(__file__).resolve().parent.parent / "bench" / "compare.py"


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def program(self, name, per_second, exit_code=0, **extra):
        """A program that answers anything with one measurement."""
        result = {"per_second": per_second, "params": 100, "threads": 2, "peak_mib": 10, "layout": "nhwc", "mode": "eager"}
        path = pathlib.Path(self.folder.name, name)
        path.write_text(f"#!{sys.executable}\nimport sys\nprint({json.dumps({**result, **extra})!r})\nsys.exit({exit_code})\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def compare(self, dltool, baseline, *arguments):
        return subprocess.run([sys.executable, COMPARE, "--dltool", dltool, "--baseline", baseline, "--rounds", "2",
                               "--nets", "lenet", *arguments], capture_output=True, text=True, env=os.environ)

    def test_the_faster_one_wins_and_the_last_line_is_json(self):
        done = self.compare(self.program("a", 300), self.program("b", 200))
        self.assertEqual(done.returncode, 0, done.stderr)
        row = json.loads(done.stdout.splitlines()[-1])[0]
        self.assertEqual((row["net"], row["ratio"], row["doubts"]), ("lenet", 1.5, []))

    def test_being_slower_is_exit_code_1(self):
        self.assertEqual(self.compare(self.program("a", 199), self.program("b", 200)).returncode, 1)

    def test_another_number_of_parameters_is_said(self):
        done = self.compare(self.program("a", 300, params=101), self.program("b", 200))
        self.assertIn("params differ: dltool 101, PyTorch 100", done.stdout)

    def test_a_program_that_fails_is_named(self):
        done = self.compare(self.program("a", 300, exit_code=3), self.program("b", 200))
        self.assertEqual(done.returncode, 2)
        self.assertIn("exit code 3", done.stderr)

    def test_an_unknown_network_is_refused(self):
        done = self.compare(self.program("a", 300), self.program("b", 200), "--nets", "vgg")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown: vgg", done.stderr)


if __name__ == "__main__":
    unittest.main()
