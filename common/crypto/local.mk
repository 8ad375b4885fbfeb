# SPDX-License-Identifier: ISC
common_libethcrypto_a_SOURCES += \
	common/crypto/ecies.c common/crypto/ecies.h \
	common/crypto/evp.c common/crypto/evp.h \
	common/crypto/keccak.c common/crypto/keccak.h \
	common/crypto/secp.c common/crypto/secp.h
