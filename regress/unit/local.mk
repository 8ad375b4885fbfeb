# SPDX-License-Identifier: ISC
# Unit tests mirror the tree; each links only what it tests.
UNIT_CFLAGS = $(CHECK_CFLAGS)
UNIT_LIBS = $(CHECK_LIBS)
