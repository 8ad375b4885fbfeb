#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The tests of lib/python, and its types where mypy is at hand. Skipped below
Python 3.9, for which the package is not made."""

import os
import sys
import unittest

if sys.version_info < (3, 9):
    print("skipped: needs Python 3.9 or later")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.join(HERE, "../../../lib/python")
sys.dont_write_bytecode = True
sys.path[:0] = [PACKAGE, os.path.join(HERE, "python")]

result = unittest.TextTestRunner(verbosity=2).run(
    unittest.defaultTestLoader.discover(os.path.join(HERE, "python")))
if not result.wasSuccessful():
    sys.exit(1)
try:
    import mypy.api
except ImportError:
    print("no mypy here: types not looked at")
else:
    out, err, status = mypy.api.run(["--strict", "--cache-dir", os.devnull,
                                     os.path.join(PACKAGE, "p2papp")])
    print(out + err)
    sys.exit(status)
