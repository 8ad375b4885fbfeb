# SPDX-License-Identifier: ISC
common_libbase_a_SOURCES += \
	common/base/addr.c common/base/addr.h \
	common/base/scope.c common/base/scope.h \
	common/base/log.c common/base/log.h \
	common/base/util.c common/base/util.h
