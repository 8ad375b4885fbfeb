# SPDX-License-Identifier: ISC
common_libctl_a_SOURCES += common/ctl/ctl.c common/ctl/ctl.h
