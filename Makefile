# What the README names; .ci/setup installs what is missing first.
PATH := $(CURDIR)/.venv/bin:$(PATH)
export PATH

.PHONY: help setup demo test check protos
help:
	@echo "make demo    place a real call to the example agent and show what happened"
	@echo "make test    install what is missing and run every test"
	@echo "make check   formatting, lint, types, layers, generated code"
	@echo "make protos  generate services/voiceplane/rpc/v1 from protos/"

setup:
	@.ci/setup

demo: setup
	@voiceplane demo docs/examples/parcel-desk.yaml

test: setup
	@voiceplane install
	@pytest -q

check: setup
	ruff format --check services operator tests
	ruff check services operator tests
	mypy
	lint-imports
	@.ci/check-lengths

protos: setup
	python -m grpc_tools.protoc -I protos --python_out=services --grpc_python_out=services --mypy_out=services --mypy_grpc_out=services $$(find protos -name '*.proto')
