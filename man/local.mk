# SPDX-License-Identifier: ISC
# Pages name the paths of this build: they are made from templates.
man_edit = $(SED) -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@localstatedir[@]|$(localstatedir)|g' \
	-e 's|@runstatedir[@]|$(runstatedir)|g' \
	-e 's|@docdir[@]|$(docdir)|g' \
	-e 's|@privsep_user[@]|$(privsep_user)|g'

# The daemon and its control tool.
man8_MANS += man/p2pd.8 man/p2pctl.8
EXTRA_DIST += man/p2pd.8.in man/p2pctl.8.in
CLEANFILES += man/p2pd.8 man/p2pctl.8
man/p2pd.8: man/p2pd.8.in Makefile
	$(AM_V_GEN)$(MKDIR_P) man && $(man_edit) $(srcdir)/$@.in >$@
man/p2pctl.8: man/p2pctl.8.in Makefile
	$(AM_V_GEN)$(MKDIR_P) man && $(man_edit) $(srcdir)/$@.in >$@

# p2pd.conf(5)
man5_MANS += man/p2pd.conf.5
EXTRA_DIST += man/p2pd.conf.5.in
CLEANFILES += man/p2pd.conf.5
man/p2pd.conf.5: man/p2pd.conf.5.in Makefile
	$(AM_V_GEN)$(MKDIR_P) man && $(man_edit) $(srcdir)/$@.in >$@

# For authors of applications.
man5_MANS += man/p2pd-app.5
man3_MANS += man/libp2papp.3
EXTRA_DIST += man/p2pd-app.5.in man/libp2papp.3.in
CLEANFILES += man/p2pd-app.5 man/libp2papp.3
man/p2pd-app.5: man/p2pd-app.5.in Makefile
	$(AM_V_GEN)$(MKDIR_P) man && $(man_edit) $(srcdir)/$@.in >$@
man/libp2papp.3: man/libp2papp.3.in Makefile
	$(AM_V_GEN)$(MKDIR_P) man && $(man_edit) $(srcdir)/$@.in >$@
