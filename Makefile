# What the README names; .ci/setup installs what is missing first.
PATH := $(CURDIR)/.venv/bin:$(PATH)
export PATH

ON_KUBERNETES := tests/cluster tests/charts tests/control
# Real calls that take their time: whole conversations, other profiles and planners, SIPp's scenarios, transfers and holds, parts killed in a call.
LONG_CALLS := tests/scenarios/test_conversation.py $(addprefix tests/e2e/test_,profiles.py model_planner.py real_model.py sipp.py transfers.py killed_parts.py trusted_trunk.py)

# Two files at once, in the order given; they mostly wait.
TWO := -n 2 --dist loadfile --no-loadscope-reorder
# What .ci/run leaves out here and runs later.
WITHOUT :=

.PHONY: help setup demo test check protos
help:
	@echo "make demo    place a real call to the example agent and show what happened"
	@echo "make test    install what is missing and run the tests; make test-calls: those with long real calls"
	@echo "make bench   measure calls to the real stack, 30 to 40 minutes; the tables go to build/bench/tables.md (ALL=1: with the next two)"
	@echo "make bench-operator  measure the operator with 100, 1,000 and 5,000 agents over 3 clusters: build/bench/operator.md"
	@echo "make bench-pipecat   the same recordings against pipecat-ai 1.14: build/bench/pipecat.md"
	@echo "make check   formatting, lint, types, layers, generated code"
	@echo "make protos  generate services/voiceplane/rpc/v1 from protos/"
	@echo "make demo-k8s  install the charts on a real Kubernetes control plane, call the agent, edit it during a call (KEEP=1 keeps it, MODE=on-prem)"
	@echo "make test-k8s  the tests on real Kubernetes control planes: charts, operator, end to end"

setup:
	@.ci/setup

demo: setup
	@voiceplane demo docs/examples/parcel-desk.yaml

test: setup
	@voiceplane install --all
	@pytest -q $(addprefix --ignore=,$(ON_KUBERNETES) $(LONG_CALLS) $(WITHOUT))
	@echo "make test-calls runs the long calls, make test-k8s the tests on real Kubernetes control planes"

.PHONY: test-calls
test-calls: setup
	@voiceplane install --all
	@pytest -q $(LONG_CALLS)

# On a machine that does nothing else; what each line means is in docs/benchmarks.md.
.PHONY: bench bench-operator bench-pipecat
bench: setup
	@voiceplane install
	@voiceplane bench --json build/bench/bench.json --markdown build/bench/tables.md $(BENCH)
	@voiceplane bench turns --markdown build/bench/turns.md --picture build/bench/turns.svg $(BENCH)
ifdef ALL
	@$(MAKE) --no-print-directory bench-operator bench-pipecat
else
	@echo "make bench-operator and make bench-pipecat measure the rest (make bench ALL=1: with them)"
endif

# AGENTS="100 1000" measures only these; PARTITIONS=5 parts a region so often, 50 times (ten minutes) without it.
bench-operator: setup controlplane
	@python -m tests.control.measured $(if $(AGENTS),--agents $(AGENTS)) $(if $(PARTITIONS),--partitions $(PARTITIONS))

bench-pipecat: setup
	@mkdir -p build/bench
	@bench/pipecat/run --json build/bench/pipecat.json --markdown build/bench/pipecat.md

check: setup
	ruff format --check services operator tests
	ruff check services operator tests
	mypy
	lint-imports
	@.ci/check-lengths

protos: setup
	python -m grpc_tools.protoc -I protos --python_out=services --grpc_python_out=services --mypy_out=services --mypy_grpc_out=services $$(find protos -name '*.proto')

.PHONY: test-k8s demo-k8s
# A real Kubernetes control plane (built from Go modules the first time: 4 to 9 minutes) with the charts, KubeRay and a node.
demo-k8s: setup
	@voiceplane install
	@python -m tests.cluster.demo $(if $(KEEP),--keep) $(if $(MODE),--mode $(MODE))

test-k8s: controlplane-all
	@voiceplane install
	@python -m tests.cluster.rootless pytest -q $(TWO) $(addprefix --ignore=,$(WITHOUT)) $(ON_KUBERNETES)

# Built before the tests, so that its progress is seen.
.PHONY: controlplane controlplane-all
controlplane: setup
	@.ci/controlplane >/dev/null
controlplane-all: controlplane
	@.ci/controlplane keda-crds keda-operator keda-adapter keda-webhooks prometheus prometheus-adapter >/dev/null
demo-k8s: controlplane
