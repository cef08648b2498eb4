# The doors of this checkout. "make help" lists them.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules

# Where Go's own package puts it: sudo leaves it out of PATH.
export PATH := $(PATH):/usr/local/go/bin:/usr/lib/go/bin
# A version control that refuses (root in another's checkout) must not fail a build; we stamp by ourselves.
export GOFLAGS := $(filter-out -buildvcs%,$(GOFLAGS)) -buildvcs=false

VERSION := $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo devel)
STAMP := -s -w -X github.com/hyper-nixos/hyper-nixos/internal/version.Version=$(VERSION)
BUILD := CGO_ENABLED=0 go build -trimpath -ldflags '$(STAMP)'
PROGRAMS := hv hvd hv-helper
SCRIPTS := $(wildcard scripts/*.sh test/guest/files/*.sh test/lab/files/*.sh test/picture/*.sh packaging/*.sh packaging/debian/p*) .ci/run

# Tests against real QEMU need root for the helper; who is not root compiles as himself and runs by sudo.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,-exec 'sudo -E env PATH=$(PATH)')
E2E := go test -tags e2e -p 1 -count=1 $(AS_ROOT)
E2E_PACKAGES = $(shell grep -rlE '^//go:build .*\be2e\b' --include='*_test.go' . | xargs -r -n 1 dirname | sort -u)

.PHONY: help
help: ## list the doors
	@echo "Hyper-NixOS $(VERSION)"
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r door what; do printf '  make %-12s %s\n' "$$door" "$$what"; done

.PHONY: run
run: ## build, start the daemons beside whatever is installed, boot a VM, stay until Ctrl-C (ONCE=1: end when it is up)
	@scripts/deps.sh run
	@$(MAKE) --no-print-directory build
	@guest=$$(go run ./test/guest/build) && GUEST=$$guest exec scripts/try.sh

.PHONY: clean
clean: ## take away all that make run made: VMs, state, accounts, programs
	@scripts/try-clean.sh

.PHONY: build
build: ## the three programs into bin/, static
	@mkdir -p bin
	@$(BUILD) -o bin/ $(addprefix ./cmd/,$(PROGRAMS))
	@echo "built $(PROGRAMS), $(VERSION), into bin/"

.PHONY: guest
guest: ## the tiny guest that make run and the tests boot; prints its folder
	@go run ./test/guest/build

.PHONY: test
test: ## everything, on a machine that may lack everything but Go, gcc, git and make
	@MAKE='$(MAKE)' scripts/steps.sh deps-test 'linter&' format vet build guest unit clients shellcheck 'linter!' lint e2e

.PHONY: deps-test
deps-test:
	@scripts/deps.sh test

.PHONY: unit
unit: ## unit tests with the race detector; runs the layers test and every fuzz target's seeds
	CGO_ENABLED=1 go test -race -timeout 30m ./...

.PHONY: e2e
e2e: build ## the tests against real QEMU, as root; one package at a time
	@[[ -n "$(E2E_PACKAGES)" ]] || { echo "no e2e tests found"; exit 1; }
	HV_BIN=$(CURDIR)/bin $(E2E) -timeout 30m $(E2E_PACKAGES)

.PHONY: soak
soak: build ## kill hvd and hv-helper 1,000 times (SOAK=N: N times) while real VMs start, run and end
	HV_BIN=$(CURDIR)/bin HV_SOAK=$(or $(SOAK),1000) $(E2E) -timeout 24h -v -run FiftyKills ./test/e2e

# The lab: TEST=PATTERN runs some of its tests, PAIR=1 boots two hosts on a wire and runs the tests that need both.
LAB_CACHE = $(shell scripts/cache-dir.sh)

.PHONY: lab
lab: ## the tests that need a host with KVM, cgroups and systemd, in an emulated one (TEST=PATTERN; PAIR=1: two hosts)
	@scripts/deps.sh lab
	@mkdir -p $(LAB_CACHE)/lab
	@image=$$(go run $(AS_ROOT) ./test/lab/build -cache $(LAB_CACHE)) && deb=$$(HYPER_NIXOS_DEB_COMPRESSION=none $(MAKE) --no-print-directory -s deb DEB_ARCH=amd64 | tail -n 1) && \
	go run ./test/lab/run -image "$$image" -deb "$$deb" $(if $(PAIR),-pair -tag labpair) $(if $(TEST),-run '$(TEST)')

.PHONY: bench
bench: build ## a start beside bare QEMU (BENCH_FLAGS=-write writes docs/benchmarks.md), and every Go benchmark
	HV_BIN=$(CURDIR)/bin $(E2E) -timeout 20m -run '^$$' -bench . -benchtime 1x -v ./test/bench $(if $(BENCH_FLAGS),-args $(BENCH_FLAGS))
	go test -run '^$$' -bench . ./internal/...

.PHONY: fuzz-seeds
fuzz-seeds: ## every fuzz target on its seeds alone
	go test -run '^Fuzz' ./...

.PHONY: layers
layers: ## which room imports which: the plan and the code are one thing
	go test .

.PHONY: check
check: format vet lint modules layers shellcheck ## what a change must pass before it is looked at

.PHONY: fmt
fmt: ## format the Go sources
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')

.PHONY: format
format:
	@unformatted=$$(gofmt -l $$(git -c safe.directory='*' ls-files -co --exclude-standard '*.go')); \
	[[ -z $$unformatted ]] || { echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; }

.PHONY: vet
vet:
	go vet ./...
	go vet -tags e2e ./...
	go vet -tags lab,labpair ./...

.PHONY: modules
modules:
	go mod verify
	go mod tidy -diff

.PHONY: linter
linter:
	@scripts/linter.sh

.PHONY: lint
lint: ## golangci-lint over everything, tests of every kind included
	@linter=$$(scripts/linter.sh) && $$linter run --build-tags e2e,lab,labpair ./...

.PHONY: shellcheck
shellcheck:
	shellcheck $(SCRIPTS)

CLIENTS := $(foreach os,darwin freebsd,$(foreach arch,amd64 arm64,client/$(os)/$(arch)))
# What of ours hv is made of there: vet looks only at what it is named.
OURS = $(shell GOOS=$(1) GOARCH=$(2) go list -deps -f '{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}' ./cmd/hv)

.PHONY: clients $(CLIENTS)
clients: $(CLIENTS) ## hv, built and vetted for the systems that have no daemon
$(CLIENTS):
	GOOS=$(word 2,$(subst /, ,$@)) GOARCH=$(word 3,$(subst /, ,$@)) go vet $(call OURS,$(word 2,$(subst /, ,$@)),$(word 3,$(subst /, ,$@)))
	GOOS=$(word 2,$(subst /, ,$@)) GOARCH=$(word 3,$(subst /, ,$@)) $(BUILD) -o /dev/null ./cmd/hv

CROSS := $(foreach arch,amd64 arm64,$(foreach p,$(PROGRAMS),linux/$(arch)/$(p)) darwin/$(arch)/hv freebsd/$(arch)/hv)

.PHONY: cross $(CROSS)
cross: $(CROSS) ## all programs for linux, hv for darwin and freebsd, amd64 and arm64, into dist/
$(CROSS):
	GOOS=$(word 1,$(subst /, ,$@)) GOARCH=$(word 2,$(subst /, ,$@)) $(BUILD) -o dist/$@ ./cmd/$(notdir $@)

# The machine's own unless another is asked for: make deb DEB_ARCH=arm64.
DEB_ARCH ?= $(shell dpkg --print-architecture 2>/dev/null || echo amd64)

.PHONY: deb
deb: $(addprefix linux/$(DEB_ARCH)/,$(PROGRAMS)) ## a package for Debian, into dist/; prints its path (DEB_ARCH=arm64: for another machine)
	@packaging/deb.sh $(DEB_ARCH)
