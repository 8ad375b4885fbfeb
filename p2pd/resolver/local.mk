# SPDX-License-Identifier: ISC
p2pd_libp2pd_a_SOURCES += p2pd/resolver/resolver.c p2pd/resolver/resolver.h
