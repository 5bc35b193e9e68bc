# Everything that is done to this tree, by name. Nothing has to be installed but
# Go and make: every other program is pinned by a go.mod below tools/ and built
# when it is needed (PostgreSQL: see test/postgres).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PROGRAMS ?= $(notdir $(wildcard cmd/*))
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS ?= -s -w -X github.com/tazzo/rebirth/internal/manager.Version=$(VERSION) -X main.version=$(VERSION)
# Flags of "go test", "golangci-lint run", and of the demo or the benchmark.
TESTFLAGS ?= -timeout 30m
LINTFLAGS ?=
ARGS ?=
# Where the image is built and what it is called.
CONTAINER_TOOL ?= docker
IMAGE_PREFIX ?= rebirth
GOARCH ?= $(shell go env GOARCH)

CONTROLLER_GEN := go tool -modfile=tools/generate/go.mod controller-gen
CRD_REF_DOCS := go tool -modfile=tools/generate/go.mod crd-ref-docs
CYCLONEDX := go tool -modfile=tools/sbom/go.mod cyclonedx-gomod
GOLANGCI_LINT := go tool -modfile=tools/lint/go.mod golangci-lint

GENERATED := api/v1alpha1/zz_generated.deepcopy.go \
	charts/secret-sync/crds/rebirth.tazlab.net_secretexports.yaml \
	charts/secret-sync/crds/rebirth.tazlab.net_secretimports.yaml \
	charts/readiness-gate/crds/rebirth.tazlab.net_readinessgates.yaml \
	docs/api.md \
	internal/bootstrap/spec/cluster.schema.json \
	docs/cluster-yaml.md

.PHONY: help
help: ## Say what can be done here.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build static binaries of all programs into bin/.
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(PROGRAMS:%=./cmd/%)

# generate-into writes all generated files below the folder $(1). Each CRD goes into
# the chart of the program that serves it.
define generate-into
	mkdir -p $(1)/docs $(1)/internal/bootstrap/spec $(1)/charts/secret-sync/crds $(1)/charts/readiness-gate/crds
	$(CONTROLLER_GEN) object paths=./api/... output:object:dir=$(1)/api/v1alpha1
	$(CONTROLLER_GEN) crd:maxDescLen=1000 paths=./api/... output:crd:dir=$(1)/charts/secret-sync/crds
	mv $(1)/charts/secret-sync/crds/*_readinessgates.yaml $(1)/charts/readiness-gate/crds/
	go run ./internal/bootstrap/spec/schemagen $(1)
	$(CRD_REF_DOCS) --source-path=api --config=tools/generate/crd-ref-docs.yaml --renderer=markdown --output-path=$(1)/docs/api.md --log-level=ERROR
endef

.PHONY: generate
generate: ## Write deep copies, CRDs and the API reference anew.
	$(call generate-into,.)

.PHONY: verify
verify: ## Fail if a generated file or go.mod is stale, or go vet complains.
	@rm -rf out/_verify && mkdir -p out/_verify/api/v1alpha1
	$(call generate-into,out/_verify)
	@for file in $(GENERATED); do \
		diff -u "$$file" "out/_verify/$$file" || { echo "$$file is stale: run 'make generate' and commit what changes" >&2; exit 1; }; \
	done
	@diff <(cd out/_verify && find . -type f | sort) <(printf './%s\n' $(GENERATED) | sort) \
		|| { echo "the generators write other files (<) than GENERATED in the Makefile lists (>)" >&2; exit 1; }
	go mod tidy -diff
	go vet -tags e2e ./...

.PHONY: lint
lint: ## Check style and who may import whom (the first run builds the linter).
	$(GOLANGCI_LINT) run $(LINTFLAGS)

.PHONY: prepare
prepare: ## Build or download what tests and demo run (the first time takes minutes).
	go run ./test/prepare

# Suites that mostly wait run in several processes, by the Ginkgo of go.mod.
PARALLEL_SUITES := ./test/dayzero ./test/readiness ./test/secretsync
GINKGO := go run github.com/onsi/ginkgo/v2/ginkgo run --procs=3 --timeout=30m --keep-going --output-dir=out --json-report=specs.json

.PHONY: test
test: prepare ## Run all tests: units, and specs on a real control plane and PostgreSQL.
	go test $(TESTFLAGS) $$(go list ./... | grep -vE '$(subst ./,/,$(subst $(eval ) ,$$|,$(PARALLEL_SUITES)))$$')
	@rm -f out/specs.json
	$(GINKGO) $(PARALLEL_SUITES) || { go run ./test/failures out/specs.json; exit 1; }

.PHONY: bench
bench: prepare ## Measure the budgets and write docs/benchmarks.md (ARGS: its flags).
	go run ./test/bench $(ARGS)

.PHONY: demo
demo: ## Play a rebirth on this machine (ARGS: its flags, such as --fast).
	@go run ./test/demo $(ARGS)

.PHONY: image
image: ## Build an image of one binary each; needs docker or podman (CONTAINER_TOOL).
	@command -v $(CONTAINER_TOOL) >/dev/null || { \
		echo "make image needs $(CONTAINER_TOOL) (or CONTAINER_TOOL=podman) and its daemon; no registry is asked, for the base is empty" >&2; exit 1; }
	@for program in $(PROGRAMS); do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) go build -trimpath -ldflags '$(LDFLAGS)' -o "bin/linux-$(GOARCH)/$$program" "./cmd/$$program"; \
		$(CONTAINER_TOOL) build --platform linux/$(GOARCH) --build-arg PROGRAM="bin/linux-$(GOARCH)/$$program" \
			--label org.opencontainers.image.version='$(VERSION)' --tag "$(IMAGE_PREFIX)/$$program:$(VERSION)" .; \
	done

.PHONY: sbom
sbom: ## List what is in the images' programs: bin/linux-*/*.cdx.json, CycloneDX ("make image" first).
	@for program in $(PROGRAMS); do \
		$(CYCLONEDX) bin -json -noserial -version '$(VERSION)' -output "bin/linux-$(GOARCH)/$$program.cdx.json" "bin/linux-$(GOARCH)/$$program"; \
	done

# Not by "go run", which dies of SIGTERM without passing it on.
.PHONY: e2e
e2e: ## Raze and rebuild a real cluster, as root (ARGS: such as --ginkgo.focus=gate; E2E_KEEP=1 keeps it).
	@go build -buildvcs=false -o bin/e2e ./test/e2e/run
	@exec bin/e2e $(ARGS)

.PHONY: rebirth-report
rebirth-report: ## Tell when each thing of a cluster's rebirth happened (KUBECONFIG; ARGS: --svg FILE).
	@go run ./test/e2e/report $(ARGS)
