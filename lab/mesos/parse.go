package mesos

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

const defaultResources = "cpus:4;mem:8192;disk:102400;ports:[31000-32000]"

// parseResources reads --resources: name(role):value;… with a number, [a-b,c-d] or {x,y} as value.
func parseResources(text string) ([]api.Resource, error) {
	var out []api.Resource
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, ":")
		if !ok {
			return nil, fault.New(fault.Invalid, "resource "+part, "", "expected name:value")
		}
		r := api.Resource{Name: name}
		if base, role, ok := strings.Cut(name, "("); ok {
			r.Name, r.Role = base, proto.String(strings.TrimSuffix(role, ")"))
		}
		if err := setAmount(&r, value); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func setAmount(r *api.Resource, value string) error {
	switch {
	case strings.HasPrefix(value, "["):
		ranges, err := parseRanges(value)
		if err != nil {
			return err
		}
		r.Type, r.Ranges = api.RANGES.Enum(), ranges
	case strings.HasPrefix(value, "{"):
		r.Type, r.Set = api.SET.Enum(), &api.Value_Set{Item: strings.Split(strings.Trim(value, "{}"), ",")}
	default:
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fault.New(fault.Invalid, "resource "+r.Name, "", "%q is no number, [range] or {set}", value)
		}
		r.Type, r.Scalar = api.SCALAR.Enum(), &api.Value_Scalar{Value: number}
	}
	return nil
}

func parseRanges(text string) (*api.Value_Ranges, error) {
	ranges := &api.Value_Ranges{}
	for part := range strings.SplitSeq(strings.Trim(text, "[]"), ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(part), "-")
		begin, err1 := strconv.ParseUint(from, 10, 64)
		end, err2 := strconv.ParseUint(to, 10, 64)
		if !ok || err1 != nil || err2 != nil {
			return nil, fault.New(fault.Invalid, "ranges "+text, "", "expected [begin-end,…]")
		}
		ranges.Range = append(ranges.Range, api.Value_Range{Begin: begin, End: end})
	}
	return ranges, nil
}

var (
	scalarText = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]*)?$|^[+-]?\.[0-9]+$`)
	rangesForm = regexp.MustCompile(`^\[\s*[0-9]+-[0-9]+(\s*,\s*[0-9]+-[0-9]+)*\s*\]$`)
)

// message gives the attribute as the master announces it (20-attribute-types): a set would abort a real agent and is an error here.
func (a Attribute) message() (api.Attribute, error) {
	out := api.Attribute{Name: a.Name}
	text := a.Text
	switch {
	case a.Type == "SCALAR" || a.Type == "" && scalarText.MatchString(text):
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return out, fault.New(fault.Invalid, "attribute "+a.Name, "", "%q is no number", text)
		}
		out.Type, out.Scalar = api.SCALAR, &api.Value_Scalar{Value: number}
	case a.Type == "RANGES" || a.Type == "" && rangesForm.MatchString(text):
		ranges, err := parseRanges(text)
		if err != nil {
			return out, err
		}
		out.Type, out.Ranges = api.RANGES, ranges
	case a.Type == "" && strings.HasPrefix(text, "{"):
		return out, fault.New(fault.Invalid, "attribute "+a.Name, "", "%s is a set, with which a Mesos agent does not start", text)
	case a.Type == "" || a.Type == "TEXT":
		out.Type, out.Text = api.TEXT, &api.Value_Text{Value: text}
	default:
		return out, fault.New(fault.Invalid, "attribute "+a.Name, "", "type %q is none of TEXT, SCALAR, RANGES", a.Type)
	}
	return out, nil
}
