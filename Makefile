# Everything phonotary needs, from a bare Debian machine on. `make` alone lists the targets.
# Stamps in .make/ remember what is set up, so a second run does nothing.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo run test check bench docs conformance pbx release lock clean

PYTHON := .venv/bin/python
TEST_PARTS := .make/postgresql .make/clients .make/voice .make/browser

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

setup: .make/python ## make .venv with phonotary and the house's tools in it

demo: setup ## the whole story on real input, start to end
	.venv/bin/phonotary demo

run: setup ## the sandbox on port 8080
	.venv/bin/phonotary up

test: check $(TEST_PARTS) ## check, then every test
	$(PYTHON) -m pytest -n 2

check: setup ## lint, format, types and the direction of imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

conformance: setup $(TEST_PARTS) ## only the official clients and Twilio's OpenAPI document
	PHONOTARY_FUZZ=large $(PYTHON) -m pytest -n 2 tests/compat tests/conformance

pbx: setup .make/pbx ## calls through a real Asterisk, which is fetched (30 MB) and not installed
	tests/pbx/alone.sh $(PYTHON) -m pytest tests/pbx

bench: setup .make/clients .make/voice .make/bench ## measure phonotary beside its peers
	$(PYTHON) -m benchmarks
	$(PYTHON) -m benchmarks.seal
	$(PYTHON) -m benchmarks.dns

docs: setup scripts/docs.py ## write the generated pages again
	$(PYTHON) scripts/docs.py

release: test ## build the wheel and the source archive, with their digests
	rm -rf dist
	$(PYTHON) -m hatchling build
	cd dist && sha256sum -- * > SHA256SUMS

lock: setup ## choose newer packages (maintainers only; brings its own tool, uv)
	$(PYTHON) -m pip install --quiet uv
	.venv/bin/uv pip compile -q --generate-hashes --no-header --extra dev --python-version 3.11 \
		--only-binary :all: pyproject.toml -o requirements.lock

clean: ## forget the set-up
	rm -rf .venv .make tests/compat/node/node_modules benchmarks/node/node_modules \
		tests/journeys/clients/cli/node_modules

.make/python: scripts/setup.sh requirements.lock pyproject.toml
.make/postgresql: scripts/setup.sh
.make/voice: scripts/setup.sh
.make/browser: scripts/setup.sh
.make/clients: scripts/setup.sh .make/python tests/compat/twilio7.lock tests/compat/oai.sha512 \
		tests/compat/node/package.json tests/compat/node/package-lock.json \
		examples/node-vitest/package-lock.json \
		tests/journeys/clients/cli/package.json tests/journeys/clients/cli/package-lock.json
.make/pbx: scripts/setup.sh scripts/asterisk.sh scripts/asterisk.lock
.make/bench: scripts/setup.sh benchmarks/node/package.json benchmarks/node/package-lock.json

.make/%:
	@mkdir -p .make
	@scripts/setup.sh $*
	@touch $@
