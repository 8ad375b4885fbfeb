# SPDX-License-Identifier: ISC
# p2papp for Python: nothing to build, pip installs it from here.
EXTRA_DIST += lib/python/README.md lib/python/pyproject.toml \
	lib/python/p2papp/__init__.py lib/python/p2papp/client.py \
	lib/python/p2papp/link.py lib/python/p2papp/py.typed \
	lib/python/p2papp/types.py lib/python/p2papp/wire.py \
	lib/python/examples/echo.py lib/python/examples/eth_headers.py
