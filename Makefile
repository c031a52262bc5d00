# make help        this list
# make demo        the whole pipeline on this machine, without an AWS account
# make test        the test suite: about 8 minutes on 2 cores
# make check       style, types, imports, templates
# make sbom        write SBOMs of the bundles and the command line to build/sbom
# make audit       look for known vulnerabilities in the locked packages
# make bench       measure imgctl next to its peers, and write docs/benchmarks.md
# make fix         fix what ruff can fix
# make reference   write the reference pages from the code
# make recording   run the demo, and write the picture of it that the README shows
# make docs        build the documentation as a site in build/site
# make page        build the page of reports and the gallery from its source; needs Node.js and npm
# make lock        update the lock files
# make clean       delete the virtual environments and the demo's images
#
# Each creates the virtual environment .venv when it is first needed. Only git, make and Python 3.11
# or later have to be installed; PYTHON=... selects another interpreter.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# $(call install,ENVIRONMENT,WHAT,ARGUMENTS) installs with pip, and prints a dot for each package:
# it can take more than a minute.
define install
@printf 'Installing %s ' '$(2)'
@$(1)/bin/python -m pip --disable-pip-version-check install --progress-bar off $(3) \
	| awk '/^ *(Collecting|Installing)/ { printf "."; fflush() } END { print "" }'
endef
SHELL := bash
.SHELLFLAGS := -o pipefail -c

# Two more than there are cores, because many tests wait for the embedded AWS: with one more, a third
# of the processor time was idle.
WORKERS := $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 2)')

# Fails if a process or a file is left behind.
CHECKED := $(BIN)/python -m tests.leftovers

.PHONY: help demo test check sbom audit bench fix reference recording docs page lock clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# make /make /p' Makefile

demo: .venv/local.done
	$(CHECKED) $(BIN)/imgctl demo

# With bytecode on disk, even where that is turned off: else each of many processes compiles imgctl.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/dev.done
	@echo "Running the tests; this takes about 8 minutes on 2 cores."
	$(CHECKED) $(BIN)/pytest -n $(WORKERS) --dist worksteal

check: .venv/dev.done .venv/scan.done
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint --include-checks I --regions us-east-1 cn-north-1 us-gov-west-1 --template infra/stack.yaml
	$(BIN)/python -m tests.infra.sent_template build/template
	$(BIN)/cfn-lint --include-checks I --template build/template/template.yaml build/template/template.json
	$(BIN)/python -m tests.infra.scan .venv/scan/bin/checkov

sbom: .venv/dev.done .venv/audit.done
	$(BIN)/python -m tests.supply_chain.sbom .venv/audit/bin build/sbom

# Fails if there is no data to audit with, unless AUDIT_FLAGS is --if-reachable.
audit: .venv/audit.done
	$(BIN)/python -m tests.supply_chain.audit $(AUDIT_FLAGS) .venv/audit/bin/pip-audit

bench: .venv/bench.done .venv/peers.done
	$(BIN)/python -m tests.benchmarks

fix: .venv/dev.done
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

reference: .venv/dev.done
	$(BIN)/python -m tests.reference

recording: .venv/dev.done
	$(BIN)/python -m tests.recording

docs: .venv/docs.done
	$(BIN)/python -m tests.docs_site .venv/docs/bin/zensical

# A test fails while the built page is older than its source.
page:
	cd imgctl/pages/web && npm ci --ignore-scripts --silent --no-audit --no-fund && npm run --silent build

# The lock files are for all supported Pythons and platforms, contain hashes, and name no index.
LOCK := --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --quiet --upgrade
lock: .venv/dev.done
	$(PIP) install uv
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra local --group build -o requirements-local.txt
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra local --extra preview --group build --group dev -o requirements-dev.txt
	$(BIN)/uv pip compile $(LOCK) --group scan -o requirements-scan.txt
	$(BIN)/uv pip compile $(LOCK) --group audit -o requirements-audit.txt
	$(BIN)/uv pip compile $(LOCK) --group docs -o requirements-docs.txt
	$(BIN)/uv pip compile $(LOCK) --group peers -o requirements-peers.txt
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group bench -c requirements-dev.txt -o requirements-bench.txt
	for folder in tests/benchmarks imgctl/pages/web; do \
		(cd $$folder && npm install --package-lock-only --omit-lockfile-registry-resolved) || exit; done

clean:
	rm -rf .venv build *.egg-info imgctl-demo

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "imgctl needs Python 3.11 or later: install it, or pass PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing; on Debian: apt install python3-venv" >&2; rm -rf .venv; exit 1; }

.venv/local.done: requirements-local.txt pyproject.toml | .venv/bin/python
	$(call install,.venv,imgctl and what it needs,--require-hashes -r requirements-local.txt)
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.done: requirements-dev.txt pyproject.toml | .venv/bin/python
	$(call install,.venv,the development tools,--require-hashes -r requirements-dev.txt)
	$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q imgctl infra tests  # or else each worker compiles all of it
	@touch $@ .venv/local.done

# In an environment of its own, because checkov pins another boto3.
.venv/scan.done: requirements-scan.txt | .venv/bin/python
	@.venv/bin/python -m venv .venv/scan
	$(call install,.venv/scan,checkov,--require-hashes -r requirements-scan.txt)
	@touch $@

# In an environment of its own, because checkov pins an older CycloneDX library; --no-deps as below.
.venv/audit.done: requirements-audit.txt | .venv/bin/python
	@.venv/bin/python -m venv .venv/audit
	$(call install,.venv/audit,the tools of the audit,--no-deps --require-hashes -r requirements-audit.txt)
	@touch $@

.venv/docs.done: requirements-docs.txt | .venv/bin/python
	@.venv/bin/python -m venv .venv/docs
	$(call install,.venv/docs,Zensical,--require-hashes -r requirements-docs.txt)
	@touch $@

# In an environment of their own, because they pin another boto3 and click. The lock file is complete;
# --no-deps, because pip accepts no hash for a dependency with extras.
.venv/peers.done: requirements-peers.txt | .venv/bin/python
	@.venv/bin/python -m venv .venv/peers
	$(call install,.venv/peers,the peers,--no-deps --require-hashes -r requirements-peers.txt)
	@touch $@

# A peer that is missing is reported as not installed, such as sharp without npm.
.venv/bench.done: requirements-bench.txt tests/benchmarks/package-lock.json .venv/dev.done
	$(call install,.venv,the peers that are libraries,--require-hashes -r requirements-bench.txt)
	command -v npm >/dev/null && cd tests/benchmarks && npm ci --silent --no-audit --no-fund || true
	@touch $@
