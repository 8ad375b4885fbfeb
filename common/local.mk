# SPDX-License-Identifier: ISC
# Libraries by layer: a program or test links only what it stands on.
noinst_LIBRARIES += common/libbase.a common/libipc.a common/libethcrypto.a \
	common/libwire.a common/libctl.a
common_libbase_a_SOURCES =
common_libipc_a_SOURCES =
common_libethcrypto_a_SOURCES =
common_libwire_a_SOURCES =
common_libctl_a_SOURCES =

include common/base/local.mk
include common/ipc/local.mk
include common/crypto/local.mk
include common/wire/local.mk
include common/ctl/local.mk
