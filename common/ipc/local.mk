# SPDX-License-Identifier: ISC
common_libipc_a_SOURCES += \
	common/ipc/channel.c common/ipc/channel.h \
	common/ipc/ibuf.c common/ipc/ibuf.h \
	common/ipc/imsg.c common/ipc/imsg.h \
	common/ipc/msg.c common/ipc/msg.h \
	common/ipc/proc.c common/ipc/proc.h \
	common/ipc/profiles.c common/ipc/sandbox.h \
	common/ipc/sandbox.c common/ipc/sandbox_landlock.c \
	common/ipc/sandbox_seccomp.c
