# SPDX-License-Identifier: ISC
common_libctl_a_SOURCES += common/ctl/ctl.c common/ctl/ctl.h
common_libctl_a_SOURCES += common/ctl/record.c common/ctl/record.h
