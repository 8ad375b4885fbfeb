# SPDX-License-Identifier: ISC
# The process: glue, sockets, the node database.
p2pd_libp2pd_a_SOURCES += \
	p2pd/discovery/discovery.c p2pd/discovery/discovery.h \
	p2pd/discovery/nodedb.c p2pd/discovery/nodedb.h \
	p2pd/discovery/nodeval.c \
	p2pd/discovery/udp.c p2pd/discovery/udp.h
