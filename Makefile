# Every target prints in a line what it does. The work itself lives in Go and in hack/scripts.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

# Nothing here needs C, and with one setting everywhere packages are compiled once.
export CGO_ENABLED := 0
# What the caller says; "make demo", "make run" and "make test" use it where it works.
ASSETS := $(KUBEBUILDER_ASSETS)
export KUBEBUILDER_ASSETS := $(CURDIR)/bin/controlplane
assets = export KUBEBUILDER_ASSETS; KUBEBUILDER_ASSETS=$$(hack/controlplane/assets.sh $(if $(filter real,$(NODE)),,"$(ASSETS)"))

TOOL := go tool -modfile=hack/tools/go.mod
# The version in the image and in the programs.
VERSION ?= v0.1.0
# Time per fuzz target.
FUZZTIME ?= 10s
# The architectures of the images; native is this machine's, which is all that a test needs.
PLATFORMS ?= amd64,arm64
# WAIT=0 ends the demo after its table; NODE=real runs it on a real node instead of simulated ones.
WAIT ?= 1
NODE ?=
# SAMPLE=none leaves the platform of the demo empty, to practise its installation.
SAMPLE ?=

say = @printf '\033[1m==> %s\033[0m\n'

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' Makefile

##@ Use

# A real node shows the packages that it needs, and claims the processors that the sample requests.
CLUSTER := $(if $(filter real,$(NODE)),bin/cluster --processors 32 --image operator --samples config/samples/national --)

.PHONY: demo
demo: PLATFORMS = native
demo: build $(if $(filter real,$(NODE)),image) ## Run the platform on this machine, no cluster needed (WAIT=0: end after the table; NODE=real: real pods; SAMPLE=none: empty).
	$(say) "demo: the platform $(if $(filter none,$(SAMPLE)),and nothing on it,with the national sample)"
	@$(assets); $(CLUSTER) bin/demo $(if $(filter 0 false no,$(WAIT)),--wait=false) $(if $(NODE),--node=$(NODE)) $(if $(SAMPLE),--sample=$(SAMPLE))

.PHONY: run
run: build ## Run the manager, built for a debugger, on a test control plane and say how to attach one (SAMPLE=config/samples/national: not empty).
	$(say) "run: bin/manager-debug"
	@go build -gcflags 'all=-N -l' -o bin/manager-debug ./cmd/manager
	@$(assets); bin/demo --manager $(CURDIR)/bin/manager-debug --sample=$(or $(SAMPLE),none) $(if $(filter 0 false no,$(WAIT)),--wait=false)

.PHONY: build
build: ## Build bin/manager, bin/kubectl-gov, bin/demo and bin/cluster.
	$(say) "build: bin/manager, bin/kubectl-gov, bin/demo, bin/cluster"
	@go build -ldflags "-X main.version=$(VERSION)" -o bin/manager ./cmd/manager
	@go build -ldflags "-X main.version=$(VERSION)" -o bin/kubectl-gov ./cmd/kubectl-gov
	@go build -o bin/demo ./hack/demo
	@cd test/e2e && GOFLAGS=-trimpath go build -o ../../bin/cluster ./cmd/cluster

.PHONY: image
image: controlplane ## Write the images to bin/images, for linux/amd64 and linux/arm64, without Docker (PLATFORMS=native: for this machine).
	$(say) "image: bin/images for $(PLATFORMS)"
	@cd hack/image && go run . -version $(VERSION) -platforms $(PLATFORMS)

.PHONY: clean
clean: ## Remove what was built.
	$(say) "clean: bin"
	@rm -rf bin

##@ Check

# SUITE=threats runs the one suite test/threats, RUN=Name only its tests of that name.
SUITE ?=
RUN ?=

.PHONY: test
test: ## Run the tests of all modules on a real API server, without test/fault, test/gitops, test/install, test/lifecycle, test/waiting and test/e2e (SUITE=threats: one of test/, RUN=Name: one test).
	@$(assets); hack/scripts/test.sh "$(SUITE)" "$(RUN)"

.PHONY: unit
unit: ## Run the tests that need no control plane.
	$(say) "unit: api, cmd, controllers, hack, internal, test/cases"
	@go test ./api/... ./cmd/... ./controllers/... ./hack/... ./internal/... ./test/cases/...

.PHONY: cover
cover: ## Run "make unit" and write what it covers to bin/cover.html.
	$(say) "cover: bin/cover.html"
	@mkdir -p bin
	@go test -coverpkg ./api/...,./cmd/...,./controllers/...,./internal/... -coverprofile bin/cover.out ./api/... ./cmd/... ./controllers/... ./internal/... >bin/cover.log || { cat bin/cover.log; exit 1; }
	@go tool cover -html bin/cover.out -o bin/cover.html
	@go tool cover -func bin/cover.out | tail -1

.PHONY: verify
verify: controlplane ## Check generated files, formatting, vet, lint, and that kustomize and Helm install the same.
	@hack/scripts/verify.sh

.PHONY: lint
lint: ## Run golangci-lint, which also enforces the dependency direction.
	$(say) "lint: golangci-lint (the first run compiles it, about 2 minutes)"
	@go tool -modfile=hack/tools/golangci-lint/go.mod golangci-lint run

.PHONY: vet
vet: ## Run go vet in every module.
	@hack/scripts/vet.sh

.PHONY: fmt
fmt: ## Format the Go files.
	$(say) "fmt: gofmt"
	@git ls-files -z --cached --others --exclude-standard -- '*.go' | xargs -0 -r gofmt -w

.PHONY: e2e
e2e: PLATFORMS = native
e2e: controlplane image ## Test on a real node: real pods and packets (Linux, root, and the packages that it names).
	$(say) "e2e: test/e2e"
	@hack/scripts/e2e.sh

# How many kill points and kinds "make fault-matrix" tries; 0 for all.
POINTS ?= 0
# How long nothing may be written after the end of each of its runs.
QUIET ?= 60s
# CASES=A01,F03 runs only these.
CASES ?=

.PHONY: lifecycle
lifecycle: controlplane ## Install, upgrade, downgrade, uninstall, back up and restore on a real API server.
	$(say) "lifecycle: test/install, test/lifecycle"
	@go test -count=1 -timeout 30m ./test/install ./test/lifecycle

.PHONY: flux
flux: ## Build Flux's kustomize-controller for test/gitops.
	@hack/scripts/flux.sh

.PHONY: gitops
gitops: controlplane flux ## Deliver the national sample with Flux's own controller, and by tools that wait, in every order.
	$(say) "gitops: test/gitops, test/waiting"
	@go test -count=1 -timeout 20m -v -p 1 ./test/gitops ./test/waiting

.PHONY: threats
threats: controlplane flux ## Run the attacks and inputs that broke the platform once, and print what holds (CASES=A01,…).
	$(say) "threats: test/cases"
	@go run ./hack/cases threats $(if $(CASES),-run $(CASES))

.PHONY: fault
fault: controlplane ## Run the fault matrix and print what holds (CASES=F01,…).
	$(say) "fault: test/cases"
	@go run ./hack/cases fault $(if $(CASES),-run $(CASES))

.PHONY: fault-matrix
fault-matrix: controlplane ## Kill the operator at every write, and lose, delay and repeat what it is told (hours; POINTS=2: a sample).
	$(say) "fault-matrix: test/fault"
	@go test -count=1 -timeout 12h ./test/fault -points $(POINTS) -quiet $(QUIET) -many 200 -v

.PHONY: fault-sample
fault-sample: controlplane ## Kill the operator at one write, chosen by a seed, and fail what its start and its rivals meet.
	$(say) "fault-sample: a part of test/fault"
	@go test -count=1 -timeout 20m ./test/fault -points 1 -run '^(TestKillPoints|TestRivalManager|TestRepairSoon|TestUpgradeInAStorm)$$'

# Which of its benchmarks "make bench" runs: Speed, Flood, Links, MemoryAtBound.
BENCH ?= .

.PHONY: bench
bench: controlplane ## Measure the operator on the control plane; nothing else should run meanwhile (BENCH=Speed: one benchmark; N=1000 ROUNDS=5 GROW=10000: how much).
	$(say) "bench: test/bench"
	@go test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 3h ./test/bench/...

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME.
	@FUZZTIME=$(FUZZTIME) hack/scripts/fuzz.sh

##@ Generate

# The packages whose tests know -update and need no control plane.
GOLDEN := ./internal/cli ./internal/control ./internal/kinds ./internal/kinds/link ./internal/kinds/portal ./internal/kinds/securitypolicy

.PHONY: generate
generate: ## Generate deepcopy methods and the API reference.
	$(say) "generate: deepcopy methods, docs/api"
	@$(TOOL) controller-gen object paths=./api/...
	@mkdir -p docs/api
	@$(TOOL) crd-ref-docs --log-level=ERROR --source-path=api --config=hack/tools/crd-ref-docs.yaml --renderer=markdown --output-mode=group --output-path=docs/api

.PHONY: golden
golden: ## Write the golden files and the tables of the documentation anew; look at the difference afterwards.
	$(say) "golden: internal/cli, internal/control, internal/kinds"
	@go test -count=1 $(GOLDEN) -update

.PHONY: tidy
tidy: ## Run go mod tidy in every module that has packages.
	@hack/scripts/modules.sh | while read -r dir; do printf '\033[1m==> tidy: %s\033[0m\n' "$$dir"; (cd "$$dir" && go mod tidy); done

.PHONY: manifests
manifests: ## Generate CRDs and the operator's role, and copy the settings.
	$(say) "manifests: config/crd/bases, config/rbac/role.yaml, config/manager/config.yaml"
	@$(TOOL) controller-gen crd rbac:roleName=manager-role paths=./api/... paths=./controllers/... paths=./internal/... output:crd:artifacts:config=config/crd/bases
	@go run ./hack/statuscopies config/crd/bases/*.yaml
	@cp internal/settings/defaults.yaml config/manager/config.yaml

.PHONY: chart
chart: manifests ## Copy what the chart shares with config/.
	$(say) "chart: CRDs, settings, roles and admission policies"
	@hack/scripts/chart.sh

.PHONY: controlplane
controlplane: ## Build the test control plane (about 10 minutes the first time).
	@hack/controlplane/build.sh
