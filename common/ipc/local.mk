# SPDX-License-Identifier: ISC
common_libipc_a_SOURCES += \
	common/ipc/channel.h common/ipc/ibuf.h common/ipc/imsg.h \
	common/ipc/msg.h common/ipc/proc.h
