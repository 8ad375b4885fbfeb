# SPDX-License-Identifier: ISC
# The process: glue, sockets, the node database.
p2pd_libp2pd_a_SOURCES += \
	p2pd/discovery/candidate.c p2pd/discovery/proc.h \
	p2pd/discovery/query.c \
	p2pd/discovery/discovery.c p2pd/discovery/discovery.h \
	p2pd/discovery/nodedb.c p2pd/discovery/nodedb.h \
	p2pd/discovery/nodeval.c \
	p2pd/discovery/udp.c p2pd/discovery/udp.h
# The engine, which is pure.
p2pd_libp2pd_a_SOURCES += \
	p2pd/discovery/bond.c p2pd/discovery/bond.h \
	p2pd/discovery/d4.c p2pd/discovery/d4.h p2pd/discovery/d4int.h \
	p2pd/discovery/d4_contact.c \
	p2pd/discovery/d4_input.c \
	p2pd/discovery/d4_maint.c \
	p2pd/discovery/d4_req.c \
	p2pd/discovery/d4_run.c \
	p2pd/discovery/d4_sign.c \
	p2pd/discovery/hash.c p2pd/discovery/hash.h \
	p2pd/discovery/lookup.c p2pd/discovery/lookup.h \
	p2pd/discovery/node.c p2pd/discovery/node.h \
	p2pd/discovery/table.c p2pd/discovery/table.h \
	p2pd/discovery/timer.c p2pd/discovery/timer.h \
	p2pd/discovery/votes.c p2pd/discovery/votes.h
