package spec

import (
	"errors"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/spec/strictyaml"
)

// Parse reads a rendered svc.yml (or its JSON). Unknown and duplicate keys, several documents, wrong types, anchors and tags are errors,
// all at once, with their lines. What the values mean is Validate's business.
func Parse(yaml []byte) (*Service, error) {
	var s Service
	err := strictyaml.Decode(yaml, &s)
	var faults strictyaml.Error
	if !errors.As(err, &faults) {
		if err != nil {
			return nil, fault.New(fault.Invalid, "spec", "", "%w", err)
		}
		return &s, nil
	}
	var problems Problems
	for _, f := range faults {
		problems.Add("spec", f.String())
	}
	return nil, problems.InOrder()
}
