package spec

import (
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Problems collects what is wrong with an input, so that an operator reads all of it at once.
type Problems struct{ all []error }

// Add notes that object is wrong, as a sentence; it is of kind Invalid. An empty sentence is no problem.
func (p *Problems) Add(object, sentence string) {
	if sentence != "" {
		p.all = append(p.all, fault.New(fault.Invalid, object, "", "%s", sentence))
	}
}

// Sorted gives all problems by their text, each once, as one error that prints one a line; nil if there are none.
func (p *Problems) Sorted() error {
	slices.SortFunc(p.all, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	p.all = slices.CompactFunc(p.all, func(a, b error) bool { return a.Error() == b.Error() })
	return p.InOrder()
}

// InOrder is Sorted for problems that were added in an order that means something.
func (p *Problems) InOrder() error {
	if len(p.all) == 0 {
		return nil
	}
	return &multierror.Error{Errors: p.all, ErrorFormat: func(all []error) string {
		lines := make([]string, len(all))
		for i, one := range all {
			lines[i] = one.Error()
		}
		return strings.Join(lines, "\n")
	}}
}
