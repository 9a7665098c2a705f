# What one can do here. `make demo` and `make test` need nothing but Python 3.11 and make.

# The first that exists; tools/environment.py looks further when it is too old.
PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13,$(shell command -v $(name) 2>/dev/null)) python3)
BIN := .venv/bin

# Makes .venv hold the extras named after it, or sees within a moment that it does.
define environment
@command -v $(PYTHON) >/dev/null || { \
	echo "error: lsr needs Python 3.11 or newer, and there is no $(PYTHON) here." \
	"Install it, then: make $@ PYTHON=python3.11" >&2; exit 1; }
@$(PYTHON) tools/environment.py --goal $@
endef

.DEFAULT_GOAL := help
.PHONY: help demo test check test-fast format bench reference-engines browser docs clean

help:  ## Say what can be made (the default)
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
		while IFS='|' read -r target text; do printf '%-20s%s\n' "$$target" "$$text"; done

demo:  ## Make .venv, index the documentation on this machine and answer three questions
	$(environment) demo eval serve
	@$(BIN)/lsr demo

test:  ## Make .venv with the development extras, then run every check
	$(environment) dev
	@$(MAKE) --no-print-directory reference-engines browser check

check:  ## Run every check in the .venv that is there: format, lint, types, layers, docs, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --no-incremental  # its cache misses modules that are new
	$(BIN)/lint-imports
	$(BIN)/python tools/write_cli_docs.py --check
	$(BIN)/python tools/write_service_docs.py --check
	$(BIN)/pytest -n 2 --dist loadgroup

test-fast:  ## Run the tests that take no more than a few seconds each
	$(environment) dev
	$(BIN)/pytest -n 2 --dist loadgroup -m "not slow"

format:  ## Format the code and mend what the linter can mend
	$(environment) dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench:  ## Time the encoder beside its peers
	$(environment) bench demo
	$(BIN)/lsr bench encode --peers all

reference-engines:  ## Fetch Anserini for the tests that compare with it, where there is Java (170 MB)
	@$(BIN)/python tools/reference_engines.py

browser:  ## Install Chromium for the tests of the search page, where that needs no question
	@$(BIN)/python tools/browser.py

docs:  ## Write what pages take from the code: docs/cli.md, docs/openapi.json, limits
	$(environment)
	$(BIN)/python tools/write_cli_docs.py
	$(BIN)/python tools/write_service_docs.py

clean:  ## Remove .venv and everything else that was made here
	rm -rf .venv .reference-engines build dist demo-index *.egg-info .coverage .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
