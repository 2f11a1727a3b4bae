# Everything that a person types. What the tests need beyond Go is installed by scripts/test on a Debian machine, or named by it.
BIN := bin
VERSION := $(shell cat VERSION)
GO ?= go

.PHONY: build demo test bench clean
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X github.com/dcos-scaleio/scaleio/framework/version.Version=$(VERSION)' -o $(BIN)/ ./cmd/...

# One cluster on this machine: 16 agents, from options to a volume that outlives its agent.
demo: build
	$(BIN)/scaleio-lab up --scenario seed-16

# All tests, also those against third-party clients (nested modules).
test:
	scripts/test

bench: build
	$(BIN)/scaleio-lab bench
	$(GO) test -run '^$$' -bench . ./...

clean:
	rm -rf $(BIN)
