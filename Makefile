# Everything that a person types. The tests' own needs are installed by scripts/prepare (Debian, root) or named by it.
BIN := bin
VERSION := $(shell cat VERSION)
PROGRAMS := scaleio-scheduler scaleio-executor scaleio-lab
GO ?= go
SOURCES := $(shell find . -name '*.go' -not -path './tests/*/*') $(shell find universe templates lab -type f 2>/dev/null) go.mod go.sum

.PHONY: build demo test bench clean
build: $(addprefix $(BIN)/,$(PROGRAMS))

$(BIN)/%: $(SOURCES)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X github.com/dcos-scaleio/scaleio/framework/version.Version=$(VERSION)' -o $@ ./cmd/$*

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
