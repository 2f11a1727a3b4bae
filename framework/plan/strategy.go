package plan

import (
	"fmt"
	"slices"
)

// Strategy is the order in which children are offered.
type Strategy string

// The strategies. Dependency and Parallel offer all that is eligible; what a step names in After is honoured under every strategy, so
// that under Dependency the graph alone decides. The canary forms hold back the first two children until the operator continues twice.
const (
	Serial         Strategy = "serial"
	Parallel       Strategy = "parallel"
	Dependency     Strategy = "dependency"
	Canary         Strategy = "canary"
	SerialCanary   Strategy = "serial-canary"
	ParallelCanary Strategy = "parallel-canary"
)

// Strategies are all of them, for validators.
var Strategies = []Strategy{Serial, Parallel, Dependency, Canary, SerialCanary, ParallelCanary}

// ParseStrategy refuses what is no strategy; "" is serial, as in the SDK.
func ParseStrategy(name string) (Strategy, error) {
	if name == "" {
		return Serial, nil
	}
	if s := Strategy(name); slices.Contains(Strategies, s) {
		return s, nil
	}
	return "", fmt.Errorf("%q is not a strategy: expected one of %v", name, Strategies)
}

// canaries is how many children the strategy holds back.
func (s Strategy) canaries() int {
	switch s {
	case Canary, SerialCanary, ParallelCanary:
		return 2
	}
	return 0
}

func (s Strategy) serial() bool { return s == Serial || s == Canary || s == SerialCanary }

// offered says which of n children may be looked at now: done tells which are COMPLETE, released how many canaries were let go.
func (s Strategy) offered(n, released int, done func(i int) bool) []bool {
	open := make([]bool, n)
	for i := range n {
		if done(i) {
			continue
		}
		if held := s.canaries(); released < held && i >= released {
			break // nothing behind a canary runs before it is let go
		}
		open[i] = true
		if s.serial() {
			break
		}
	}
	return open
}
