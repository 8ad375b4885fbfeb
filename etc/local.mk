# SPDX-License-Identifier: ISC
# What starts the daemon: a systemd unit with its user and directories on
# Linux, an rc script elsewhere.
etc_edit = $(SED) -e 's|@sbindir[@]|$(sbindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@localstatedir[@]|$(localstatedir)|g' \
	-e 's|@runstatedir[@]|$(runstatedir)|g' \
	-e 's|@privsep_user[@]|$(privsep_user)|g'

etc_templates = etc/p2pd.service.in etc/p2pd-bootnode.service.in \
	etc/p2pd.sysusers.in etc/p2pd.tmpfiles.in \
	etc/rc.d/p2pd.in
EXTRA_DIST += $(etc_templates)
CLEANFILES += etc/p2pd.service etc/p2pd-bootnode.service etc/p2pd.sysusers etc/p2pd.tmpfiles etc/rc.d/p2pd

etc/p2pd.service: etc/p2pd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(etc_edit) $(srcdir)/$@.in >$@
etc/p2pd-bootnode.service: etc/p2pd-bootnode.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(etc_edit) $(srcdir)/$@.in >$@
etc/p2pd.sysusers: etc/p2pd.sysusers.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(etc_edit) $(srcdir)/$@.in >$@
etc/p2pd.tmpfiles: etc/p2pd.tmpfiles.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(etc_edit) $(srcdir)/$@.in >$@
etc/rc.d/p2pd: etc/rc.d/p2pd.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc/rc.d && $(etc_edit) $(srcdir)/$@.in >$@

if INSTALL_SYSTEMD
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
systemdsystemunit_DATA = etc/p2pd.service etc/p2pd-bootnode.service
noinst_DATA = etc/p2pd.sysusers etc/p2pd.tmpfiles

install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(sysusersdir)" "$(DESTDIR)$(tmpfilesdir)"
	$(INSTALL_DATA) etc/p2pd.sysusers "$(DESTDIR)$(sysusersdir)/p2pd.conf"
	$(INSTALL_DATA) etc/p2pd.tmpfiles "$(DESTDIR)$(tmpfilesdir)/p2pd.conf"

uninstall-local:
	rm -f "$(DESTDIR)$(sysusersdir)/p2pd.conf" "$(DESTDIR)$(tmpfilesdir)/p2pd.conf"
endif
if !HOST_LINUX
rcdir = $(sysconfdir)/rc.d
rc_SCRIPTS = etc/rc.d/p2pd
endif

# A sample of p2pd.conf(5): nothing needs it.
examplesdir = $(docdir)/examples
dist_examples_DATA = etc/p2pd.conf etc/p2pd-bootnode.conf
