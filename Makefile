# Every goal does its own set-up: system packages, the virtual environment with locked versions, a private sandbox.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ARGS ?=
NAME ?=
PYTHON := .venv/bin/python
# Folders of Python that exist now, plus the one module at the root.
CODE := airgrant.py $(sort $(dir $(wildcard */__init__.py))) tests

.PHONY: help set-up demo lab-wifi lab-ran lab-ledger lab-pay lab-auction lab-admission papers images site test check format bench lock clean

help: ## show this list
	@echo "Airgrant: an access point that sells its own airtime."
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1@\2/p' Makefile | awk -F@ '{ printf "  make %-14s %s\n", $$1, $$2 }'
	@echo
	@echo "  make test ARGS='tests/wire -k offer'      make bench NAME=shaper      make demo ARGS=--help"

set-up: ## install what is missing: system packages, .venv (every goal does this by itself)
	@lab/set-up.sh

demo: set-up ## run the main job: buy a guaranteed rate, get it from the kernel, verify the signed meter
	@lab/sandbox.sh $(PYTHON) -m lab.demo $(ARGS)

lab-wifi: set-up ## play customers and attackers on virtual radios, in a guest kernel: build/lab-wifi/report.html
	@lab/guest.sh $(PYTHON) -m lab.wifi $(ARGS)

lab-ran: set-up ## sell floors in a model of a 5G cell behind a gNB's remote control: build/lab-ran/report.html
	@$(PYTHON) -m lab.ran $(ARGS)

lab-ledger: set-up ## share a ledger between four operators on CometBFT, and break things: build/lab-ledger/report.html
	@lab/go.sh build cometbft
	@lab/sandbox.sh $(PYTHON) -m lab.ledger_net $(ARGS)

lab-pay: set-up ## devices that pay as they go, two operators, and everybody cheats once: build/lab-pay/report.html
	@lab/sandbox.sh $(PYTHON) -m lab.pay $(ARGS)

lab-auction: set-up ## a box sells its next minutes by auction on the real shaper: build/lab-auction/report.html
	@lab/sandbox.sh $(PYTHON) -m lab.auction $(ARGS)

lab-admission: set-up ## play a crowd's sessions as packets, with and without admission: build/lab-admission/report.html
	@lab/sandbox.sh $(PYTHON) -m lab.admission $(ARGS)

papers: set-up ## reproduce the papers, theirs beside ours, some eighteen minutes: build/papers/report.html (ARGS=--quick)
	@lab/sandbox.sh $(PYTHON) -m lab.papers $(ARGS)

images: set-up ## build the packages that can be built here: build/images (docs/install.md)
	@images/build.sh

site: set-up ## make the documentation's site of docs/; a link that leads nowhere fails: build/site/index.html
	@mkdir -p build
	@.venv/bin/mkdocs build --strict --clean --config-file images/site/mkdocs.yml >build/site.log 2>&1 || { cat build/site.log >&2; exit 1; }
	@echo "site    build/site/index.html"

test: set-up ## run the tests against the real kernel, broker, TPM and radios (in a guest), in a private sandbox
	@lab/test.sh $(ARGS) \
	  && echo "make test: every test passed." \
	  || { status=$$?; echo "make test: FAILED (exit status $$status). The lines above say which and why." >&2; exit $$status; }

check: set-up ## format, lint, types and the rules of the architecture
	@echo "format  ruff format"
	@.venv/bin/ruff format --check --quiet --diff . || { echo "check: run 'make format' and look at the change." >&2; exit 1; }
	@echo "lint    ruff check"
	@.venv/bin/ruff check --quiet . || { echo "check: 'make format' mends what can be mended by machine; the rest is yours." >&2; exit 1; }
	@echo "types   mypy --strict"
	@.venv/bin/mypy --strict --no-error-summary $(CODE) || { echo "check: types do not fit." >&2; exit 1; }
	@echo "tidy    rules of the architecture"
	@$(PYTHON) -m pytest -q --no-header tests/test_tidy.py || { echo "check: each line above says what to do instead, and why." >&2; exit 1; }
	@echo "make check: everything is in order."

format: set-up ## rewrite the code as ruff formats it, and mend what ruff can mend
	@.venv/bin/ruff check --quiet --fix-only .
	@.venv/bin/ruff format .

bench: set-up ## run every benchmark, or one: make bench NAME=shaper
	@$(if $(filter-out wifi,$(NAME)),,lab/guest.sh --set-up || true)
	@$(if $(filter-out ledger,$(NAME)),,lab/go.sh build cometbft || true)
	@$(if $(filter-out payplace,$(NAME)),,lab/evm.sh build || true)
	@lab/sandbox.sh $(PYTHON) -m lab.bench $(if $(NAME),NAME=$(NAME)) $(ARGS)

lock: set-up ## resolve pyproject.toml anew into requirements.lock
	@lab/lock.sh

clean: ## remove what was built (the virtual environment stays: rm -r .venv)
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
