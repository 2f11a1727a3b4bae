package offer

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"
)

type option func(*mesos.Resource)

func scalar(name string, value float64, options ...option) mesos.Resource {
	r := mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}}
	for _, o := range options {
		o(&r)
	}
	return r
}

func forRole(role string) option { return func(r *mesos.Resource) { r.Role = &role } }

func reserved(role string) option {
	return func(r *mesos.Resource) {
		r.Reservations = append(r.Reservations, mesos.Resource_ReservationInfo{Type: mesos.Resource_ReservationInfo_STATIC.Enum(), Role: &role})
	}
}

func labelled(r *mesos.Resource) {
	r.Reservations[len(r.Reservations)-1].Labels = &mesos.Labels{Labels: []mesos.Label{{Key: "resource_id"}}}
}

func legacyLabelled(r *mesos.Resource) {
	r.Reservation = &mesos.Resource_ReservationInfo{Labels: &mesos.Labels{Labels: []mesos.Label{{Key: "resource_id"}}}}
}

func allocated(role string) option {
	return func(r *mesos.Resource) { r.AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role} }
}

func volume(r *mesos.Resource)    { r.Disk = &mesos.Resource_DiskInfo{} }
func revocable(r *mesos.Resource) { r.Revocable = &mesos.Resource_RevocableInfo{} }
func shared(r *mesos.Resource)    { r.Shared = &mesos.Resource_SharedInfo{} }
func provided(r *mesos.Resource)  { r.ProviderID = &mesos.ResourceProviderID{Value: "csi"} }

// shown gives resources in short: "cpus 0.1 scaleio".
func shown(resources mesos.Resources) string {
	var all []string
	for i := range resources {
		r := &resources[i]
		all = append(all, fmt.Sprintf("%s %s %s", r.Name, plain(r.Scalar.Value), roleOf(r)))
	}
	return strings.Join(all, ", ")
}

func TestOfferFitsOrSaysWhyNot(t *testing.T) {
	need := Need{Role: "scaleio", CPUs: 0.1, MemMB: 64}
	for name, c := range map[string]struct {
		need      Need
		resources []mesos.Resource
		take      string
		why       []string
	}{
		"from everybody's": {need, []mesos.Resource{scalar("cpus", 4), scalar("mem", 1024)}, "cpus 0.1 *, mem 64 *", nil},
		"exactly":          {need, []mesos.Resource{scalar("cpus", 0.1), scalar("mem", 64)}, "cpus 0.1 *, mem 64 *", nil},
		"our own first": {need, []mesos.Resource{scalar("cpus", 4), scalar("mem", 1024), scalar("cpus", 1, forRole("scaleio")), scalar("mem", 64, reserved("scaleio"))},
			"cpus 0.1 scaleio, mem 64 scaleio", nil},
		"our own and more": {need, []mesos.Resource{scalar("cpus", 4, forRole("*")), scalar("cpus", 0.06, forRole("scaleio")), scalar("mem", 60, reserved("scaleio")), scalar("mem", 10)},
			"cpus 0.06 scaleio, cpus 0.04 *, mem 60 scaleio, mem 4 *", nil},
		"a role above": {Need{Role: "a/b/c", CPUs: 3}, []mesos.Resource{scalar("cpus", 1), scalar("cpus", 1, reserved("a")), scalar("cpus", 1, reserved("a"), reserved("a/b/c"))},
			"cpus 1 a/b/c, cpus 1 a, cpus 1 *", nil},
		"not a role below or beside": {Need{Role: "a", CPUs: 1}, []mesos.Resource{scalar("cpus", 1, reserved("a/b")), scalar("cpus", 1, reserved("ab"))},
			"", []string{"cpus 1 wanted, 0 offered (and 2 reserved for others)"}},
		"too little": {need, []mesos.Resource{scalar("cpus", 0.05), scalar("mem", 32)},
			"", []string{"cpus 0.1 wanted, 0.05 offered", "mem 64 MB wanted, 32 MB offered"}},
		"nothing":          {need, nil, "", []string{"cpus 0.1 wanted, 0 offered", "mem 64 MB wanted, 0 MB offered"}},
		"only one too few": {need, []mesos.Resource{scalar("cpus", 4), scalar("mem", 63.999)}, "", []string{"mem 64 MB wanted, 63.999 MB offered"}},
		"reserved for kafka": {need, []mesos.Resource{scalar("cpus", 4, forRole("kafka")), scalar("mem", 1024, reserved("kafka"))},
			"", []string{"cpus 0.1 wanted, 0 offered (and 4 reserved for others)", "mem 64 MB wanted, 0 MB offered (and 1024 MB reserved for others)"}},
		"labelled by another framework": {need, []mesos.Resource{scalar("cpus", 4, reserved("scaleio"), labelled), scalar("mem", 64, forRole("scaleio"), legacyLabelled)},
			"", []string{"cpus 0.1 wanted, 0 offered (and 4 reserved for others)", "mem 64 MB wanted, 0 MB offered (and 64 MB reserved for others)"}},
		"nothing that could be taken away": {need, []mesos.Resource{scalar("cpus", 4, revocable), scalar("mem", 64, shared)},
			"", []string{"cpus 0.1 wanted, 0 offered", "mem 64 MB wanted, 0 MB offered"}},
		"disk":                     {Need{DiskMB: 10}, []mesos.Resource{scalar("disk", 5, volume), scalar("disk", 12)}, "disk 10 *", nil},
		"no volume, no disk's own": {Need{DiskMB: 10}, []mesos.Resource{scalar("disk", 50, volume), scalar("disk", 50, provided)}, "", []string{"disk 10 MB wanted, 0 MB offered"}},
		"wants nothing":            {Need{}, nil, "", nil},
		"no amounts":               {Need{CPUs: -1}, nil, "", nil},
		"sums without noise":       {Need{CPUs: 0.3}, []mesos.Resource{scalar("cpus", 0.1), scalar("cpus", 0.2)}, "cpus 0.1 *, cpus 0.2 *", nil},
		"sums of pieces too small": {Need{CPUs: 0.3}, []mesos.Resource{scalar("cpus", 0.1), scalar("cpus", 0.199)},
			"", []string{"cpus 0.3 wanted, 0.299 offered"}},
		"ports named cpus": {Need{CPUs: 1}, []mesos.Resource{{Name: "cpus", Type: mesos.RANGES.Enum(), Ranges: &mesos.Value_Ranges{}}}, "", []string{"cpus 1 wanted, 0 offered"}},
	} {
		d := Evaluate(c.need, &mesos.Offer{Resources: c.resources}, nil)
		if shown(d.Resources) != c.take || !slices.Equal(d.Reasons, c.why) || d.Fits != (len(c.why) == 0) {
			t.Errorf("%s: fits %v, takes %q because %q; want %q because %q", name, d.Fits, shown(d.Resources), d.Reasons, c.take, c.why)
		}
	}
}

func TestResourcesAndPlacementAreExplainedTogether(t *testing.T) {
	rule, err := ParsePlacement(`[["hostname","UNIQUE"],["@zone","IS","z1"]]`)
	if err != nil {
		t.Fatal(err)
	}
	role := "other"
	o := &mesos.Offer{
		Hostname: "agent-03", Resources: []mesos.Resource{scalar("cpus", 0.05)}, AllocationInfo: &mesos.Resource_AllocationInfo{Role: &role},
		Domain: &mesos.DomainInfo{FaultDomain: &mesos.DomainInfo_FaultDomain{
			Region: mesos.DomainInfo_FaultDomain_RegionInfo{Name: "r1"}, Zone: mesos.DomainInfo_FaultDomain_ZoneInfo{Name: "z2"}}},
	}
	d := Evaluate(Need{Role: "scaleio", CPUs: 0.1, Placement: rule}, o, []Placed{{Pod: "node-2", Hostname: "agent-03"}})
	if want := []string{
		"allocated to role other, wanted role scaleio",
		"cpus 0.1 wanted, 0.05 offered",
		"hostname agent-03 already runs node-2",
		"zone is z2, wanted z1",
	}; d.Fits || d.Resources != nil || !slices.Equal(d.Reasons, want) {
		t.Errorf("got %+v", d)
	}
}

func TestAllocationInfoAndReservationsAreKept(t *testing.T) {
	o := &mesos.Offer{Resources: []mesos.Resource{scalar("cpus", 2, reserved("scaleio"), allocated("scaleio"))}}
	o.AllocationInfo = o.Resources[0].AllocationInfo
	d := Evaluate(Need{Role: "scaleio", CPUs: 0.5}, o, nil)
	if want := (mesos.Resources{scalar("cpus", 0.5, reserved("scaleio"), allocated("scaleio"))}); !cmp.Equal(d.Resources, want) {
		t.Error(cmp.Diff(d.Resources, want))
	}
}

// The offers that a real master made of an agent with static reservations, in both formats.
func TestRecordedOffers(t *testing.T) {
	const traffic = "../../../shared/traffic/mesos/20-attribute-types-and-static-reservations/"
	if _, err := os.Stat(traffic); err != nil {
		t.Skip("no recorded traffic at " + traffic)
	}
	rule, err := ParsePlacement(`rack:IS:abc,floor:IS:2,float:LIKE:1\.5,colon:IS:a\:b\:c,dup:IS:y,range:IS:[100-200\,300-310]`)
	if err != nil {
		t.Fatal(err)
	}
	for file, wants := range map[string]map[string]string{
		"004-role-scaleio-OFFERS-2.json": {
			"127.0.0.2": "cpus 1 scaleio, cpus 0.5 *, mem 256 scaleio, mem 44 *, disk 10 scaleio",
			"127.0.0.3": "!cpus 1.5 wanted, 1 offered; mem 300 MB wanted, 128 MB offered",
		},
		"014-refinement-OFFERS-2.json": {
			"127.0.0.2": "cpus 1 scaleio, cpus 0.5 *, mem 256 scaleio, mem 44 *, disk 10 scaleio",
			"127.0.0.3": "!allocated to role other, wanted role scaleio; cpus 1.5 wanted, 1 offered; mem 300 MB wanted, 128 MB offered",
		},
		"009-role-star-default-OFFERS-2.json": {
			"127.0.0.2": "cpus 1.5 *, mem 300 *, disk 10 *",
			"127.0.0.3": "!cpus 1.5 wanted, 1 offered; mem 300 MB wanted, 128 MB offered",
		},
	} {
		text, err := os.ReadFile(traffic + file)
		if err != nil {
			t.Fatal(err)
		}
		var recorded struct {
			Event struct {
				Offers struct{ Offers []mesos.Offer }
			}
		}
		if err := json.Unmarshal(text, &recorded); err != nil {
			t.Fatal(err)
		}
		if len(recorded.Event.Offers.Offers) != len(wants) {
			t.Errorf("%s has %d offers", file, len(recorded.Event.Offers.Offers))
		}
		for i := range recorded.Event.Offers.Offers {
			o := &recorded.Event.Offers.Offers[i]
			need := Need{Role: "scaleio", CPUs: 1.5, MemMB: 300, DiskMB: 10}
			if len(o.Attributes) > 0 {
				need.Placement = rule
			}
			d := Evaluate(need, o, nil)
			got := shown(d.Resources)
			if !d.Fits {
				got = "!" + strings.Join(d.Reasons, "; ")
			}
			if got != wants[o.Hostname] {
				t.Errorf("%s of %s: got %q, want %q", file, o.Hostname, got, wants[o.Hostname])
			}
		}
	}
}

func TestWhatIsTakenIsWhatIsNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roles := []string{"*", "a", "a/b", "a/b/c", "x"}
		var resources []mesos.Resource
		for range rapid.IntRange(0, 12).Draw(t, "resources") {
			name := rapid.SampledFrom([]string{"cpus", "mem", "disk", "gpus"}).Draw(t, "name")
			options := []option{}
			if role := rapid.SampledFrom(roles).Draw(t, "reserved for"); role != "*" {
				options = append(options, reserved(role))
			}
			if rapid.IntRange(0, 9).Draw(t, "revocable") == 0 {
				options = append(options, revocable)
			}
			resources = append(resources, scalar(name, float64(rapid.IntRange(0, 3000).Draw(t, "milli"))/1000, options...))
		}
		amount := rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(0, 4000).Draw(t, "milli")) / 1000 })
		need := Need{Role: rapid.SampledFrom(roles).Draw(t, "role"), CPUs: amount.Draw(t, "cpus"), MemMB: amount.Draw(t, "mem"), DiskMB: amount.Draw(t, "disk")}
		o := &mesos.Offer{Resources: resources}
		before, _ := o.Marshal()
		d := Evaluate(need, o, nil)
		if after, _ := o.Marshal(); string(after) != string(before) {
			t.Fatal("the offer was changed")
		}
		if d.Fits != (len(d.Reasons) == 0) || !d.Fits && d.Resources != nil {
			t.Fatalf("%+v", d)
		}
		shuffled := &mesos.Offer{Resources: rapid.Permutation(resources).Draw(t, "shuffled")}
		if other := Evaluate(need, shuffled, nil); other.Fits != d.Fits || !slices.Equal(other.Reasons, d.Reasons) {
			t.Fatalf("the order matters: %q, %q", d.Reasons, other.Reasons)
		}
		// By the book: what the role may use at all.
		for name, want := range map[string]float64{"cpus": need.CPUs, "mem": need.MemMB, "disk": need.DiskMB} {
			var have, taken milli
			for i := range resources {
				of := roleOf(&resources[i])
				mine := of == "*" || of == need.Role || strings.HasPrefix(need.Role, of+"/")
				if r := resources[i]; r.Name == name && r.Revocable == nil && mine {
					have += milliOf(r.Scalar.Value)
				}
			}
			for _, r := range d.Resources {
				if r.Name == name {
					taken += milliOf(r.Scalar.Value)
				}
			}
			if have < milliOf(want) && d.Fits {
				t.Fatalf("%s: %v of %v, and it fits", name, have, want)
			}
			if d.Fits && taken != milliOf(want) {
				t.Fatalf("%s: %v taken, %v wanted", name, taken, want)
			}
		}
		// Each piece is of a resource that is offered, and none is taken twice.
		left := slices.Clone(resources)
		for _, piece := range d.Resources {
			i := slices.IndexFunc(left, func(r mesos.Resource) bool {
				same := r
				same.Scalar = piece.Scalar
				return cmp.Equal(same, piece) && r.Scalar.Value >= piece.Scalar.Value
			})
			if i < 0 {
				t.Fatalf("%v was not offered", piece)
			}
			left = slices.Delete(left, i, i+1)
		}
	})
}
