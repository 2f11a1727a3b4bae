package layout_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

var update = flag.Bool("update", false, "rewrite testdata and docs with what is said now")

// TestTranscripts runs testdata/*.txt: blocks of commands (see world.do), a line "----", what the planner says, a blank line. The world
// stays the same from block to block, so that a file can tell a story.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s differs (-update rewrites it):\n%s", file, diff)
			}
		})
	}
}

func replay(t *testing.T, text string) string {
	w := newWorld()
	var out bytes.Buffer
	answering := false
	var said bytes.Buffer
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case line == "----":
			fmt.Fprintf(&out, "----\n%s", said.String())
			said.Reset()
			answering = true
		case answering && line != "":
		case line == "":
			answering = false
			out.WriteString("\n")
		default:
			out.WriteString(line + "\n")
			if err := w.do(line, &said); err != nil {
				t.Fatalf("line %d: %s: %v", n+1, line, err)
			}
		}
	}
	return out.String()
}

// world is what the commands of a transcript change.
type world struct {
	spec     spec.ScaleIO
	nodes    []layout.Node
	last     int // how many of the last nodes the indented lines speak of
	observed *layout.Observed
}

func newWorld() *world {
	return &world{spec: spec.ScaleIO{
		Pools:   spec.Pools{Mode: spec.Imperative, Default: spec.Pool{ProtectionDomain: "default", StoragePool: "default"}, Onboarding: spec.Propose},
		Devices: spec.Devices{MinSize: 100 << 30},
	}}
}

// do carries out one line:
//
//	mode|default|onboarding|fault-set-by|network|min-size|exclude|rexray-default VALUE
//	agent NAME[..NAME] ADDRESS [zone=Z] [consent]      the address grows by one with each agent
//	  NAME[:TYPE]=VALUE                                an attribute of the agents above
//	  /dev/PATH SIZE [HDD|SSD] [fact=value|fact]...    a device of the agents above
//	forget NAME                                        the agent is not reported any more
//	consent NAME                                       the operator agrees to its devices
//	gateway                                            the system was asked, and is empty
//	has-pool D/P [media=M] [spare=N] [capacity=S] [used=S] [ours] | has-sds NAME DOMAIN ADDRESS [set=S] | has-device SDS D/P PATH SIZE | has-limit NAME MIN MAX
//	plan | apply | converged                           what the planner says; apply also carries everything out
func (w *world) do(line string, out *bytes.Buffer) error {
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(line, "#") {
		return nil
	}
	arg := func(i int) string {
		if i < len(fields) {
			return fields[i]
		}
		return ""
	}
	switch {
	case strings.HasPrefix(line, "  /dev/"):
		return w.device(fields)
	case strings.HasPrefix(line, "  "):
		return w.attribute(strings.TrimPrefix(line, "  "))
	}
	switch fields[0] {
	case "mode":
		w.spec.Pools.Mode = spec.PoolMode(arg(1))
	case "default":
		w.spec.Pools.Default = pool(arg(1))
	case "onboarding":
		w.spec.Pools.Onboarding = spec.Onboarding(arg(1))
	case "fault-set-by":
		w.spec.Pools.FaultSetBy = arg(1)
	case "network":
		w.spec.Network = arg(1)
	case "min-size":
		size, err := spec.ParseSize(arg(1))
		w.spec.Devices.MinSize = size
		return err
	case "exclude":
		w.spec.Devices.Exclude = fields[1:]
	case "rexray-default":
		w.spec.REXRay.DefaultPool = arg(1)
	case "agent":
		return w.agent(fields)
	case "forget":
		for i := range w.nodes {
			if w.nodes[i].Name == arg(1) {
				w.nodes = append(w.nodes[:i], w.nodes[i+1:]...)
				return nil
			}
		}
	case "consent":
		for i := range w.nodes {
			w.nodes[i].Consent = w.nodes[i].Consent || w.nodes[i].Name == arg(1)
		}
	case "gateway":
		w.observed = &layout.Observed{ID: "499634a44778afc0", Name: "scaleio", APIVersion: "3.6", Cluster: "ClusteredNormal"}
	case "plan":
		l := layout.Plan(&w.spec, w.nodes, w.observed)
		w.print(out, l)
	case "apply":
		operations := layout.Diff(layout.Plan(&w.spec, w.nodes, w.observed), w.observed)
		for _, op := range operations {
			apply(w.observed, op)
		}
		fmt.Fprintf(out, "%d operations carried out\n", len(operations))
	case "converged":
		missing := layout.Converged(layout.Plan(&w.spec, w.nodes, w.observed), w.observed)
		for _, m := range missing {
			fmt.Fprintln(out, m)
		}
		if len(missing) == 0 {
			fmt.Fprintln(out, "everything is there")
		}
	default:
		return w.has(fields)
	}
	return nil
}

func pool(text string) spec.Pool {
	domain, name, _ := strings.Cut(text, "/")
	return spec.Pool{ProtectionDomain: domain, StoragePool: name}
}

func (w *world) agent(fields []string) error {
	first, last, isRange := strings.Cut(fields[1], "..")
	from, to := 0, 0
	if isRange {
		from, to = number(first), number(last)
	}
	cut := strings.LastIndex(fields[2], ".")
	address, _ := strconv.Atoi(fields[2][cut+1:])
	w.last = to - from + 1
	for i := from; i <= to; i++ {
		n := layout.Node{Name: first, Addresses: []string{fmt.Sprintf("%s.%d", fields[2][:cut], address+i-from)}}
		if isRange {
			n.Name = fmt.Sprintf("%s%02d", strings.TrimRight(first, "0123456789"), i)
		}
		for _, f := range fields[3:] {
			switch name, value, _ := strings.Cut(f, "="); name {
			case "zone":
				n.Zone = value
			case "consent":
				n.Consent = true
			default:
				return fmt.Errorf("unknown word %s", f)
			}
		}
		w.nodes = append(w.nodes, n)
	}
	return nil
}

func number(name string) int {
	n, _ := strconv.Atoi(name[len(strings.TrimRight(name, "0123456789")):])
	return n
}

func (w *world) attribute(line string) error {
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return fmt.Errorf("neither an attribute nor a device")
	}
	name, kind, _ := strings.Cut(name, ":")
	if kind == "" {
		kind = "TEXT"
	}
	for i := len(w.nodes) - w.last; i < len(w.nodes); i++ {
		w.nodes[i].Attributes = append(w.nodes[i].Attributes, layout.Attribute{Name: name, Type: kind, Text: value})
	}
	return nil
}

func (w *world) device(fields []string) error {
	size, err := spec.ParseSize(fields[1])
	if err != nil {
		return err
	}
	d := inventory.Device{ID: fields[0], Path: fields[0], Size: uint64(size), Type: "disk"}
	for _, f := range fields[2:] {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "HDD", "SSD":
			d.Media = name
		case "id":
			d.ID, d.Links = value, []string{"/dev/disk/by-id/" + value}
		case "type":
			d.Type = value
		case "signature":
			d.Signature = value
		case "mounts":
			d.Mounts = []string{value}
		case "partition":
			d.Partitions = []string{value}
		case "holder":
			d.Holders = []string{value}
		case "root":
			d.Root = true
		case "removable":
			d.Removable = true
		default:
			return fmt.Errorf("unknown fact %s", f)
		}
	}
	for i := len(w.nodes) - w.last; i < len(w.nodes); i++ {
		w.nodes[i].Devices = append(w.nodes[i].Devices, d)
	}
	return nil
}

func (w *world) has(fields []string) error {
	facts := map[string]string{}
	for _, f := range fields {
		if name, value, ok := strings.Cut(f, "="); ok {
			facts[name] = value
		}
	}
	o := w.observed
	switch fields[0] {
	case "has-pool":
		p := pool(fields[1])
		spare, _ := strconv.Atoi(facts["spare"])
		o.Domains = append(o.Domains, layout.ObservedDomain{Name: p.ProtectionDomain, State: "Active"})
		o.Pools = append(o.Pools, layout.ObservedPool{Name: p.StoragePool, Domain: p.ProtectionDomain, Media: facts["media"], SparePercent: spare, Ours: fields[len(fields)-1] == "ours",
			CapacityKB: kilobytes(facts["capacity"]), UsedKB: kilobytes(facts["used"])})
	case "has-sds":
		o.SDSs = append(o.SDSs, layout.ObservedSDS{Name: fields[1], Domain: fields[2], Addresses: []string{fields[3]}, FaultSet: facts["set"],
			Membership: "Joined", Connection: "Connected"})
	case "has-device":
		size, err := spec.ParseSize(fields[4])
		if err != nil {
			return err
		}
		p := pool(fields[2])
		o.Devices = append(o.Devices, layout.ObservedDevice{ID: fmt.Sprintf("%016x", len(o.Devices)+1), SDS: fields[1], Domain: p.ProtectionDomain, Pool: p.StoragePool,
			Path: fields[3], OriginalPath: fields[3], CapacityKB: uint64(size) >> 10, State: "Normal"})
	case "has-limit":
		least, _ := strconv.ParseUint(fields[2], 10, 64)
		most, err := strconv.ParseUint(fields[3], 10, 64)
		if o.Limits == nil {
			o.Limits = map[string]layout.ObservedLimit{}
		}
		o.Limits[fields[1]] = layout.ObservedLimit{Min: least, Max: most}
		return err
	default:
		return fmt.Errorf("unknown command")
	}
	return nil
}

func kilobytes(size string) uint64 {
	bytes, _ := spec.ParseSize(size)
	return uint64(bytes) >> 10
}

// apply does to the model what the gateway would do, once.
func apply(o *layout.Observed, op layout.Operation) {
	o.Absorb(op)
	switch op.Kind {
	case layout.CreateSDS:
		s := &o.SDSs[len(o.SDSs)-1]
		s.Membership, s.Connection = "Joined", "Connected"
	case layout.AddDevice:
		d := &o.Devices[len(o.Devices)-1]
		d.ID, d.State = fmt.Sprintf("%016x", len(o.Devices)), "Normal"
		d.CapacityKB = (uint64(op.Device.Size)>>20 - 1) << 10 // whole MiB minus a small header (scaleio.md §1.8)
	}
}

// print says what an operator would want to read. Agents of which the same is said are put together.
func (w *world) print(out *bytes.Buffer, l *layout.Layout) {
	type block struct{ first, last, text string }
	var blocks []block
	say := func(node, text string) {
		if n := len(blocks); n > 0 && blocks[n-1].last == node {
			blocks[n-1].text += text
			return
		}
		blocks = append(blocks, block{node, node, text})
	}
	for _, v := range l.Verdicts {
		where := ""
		if v.Pool != nil {
			where = " into " + v.Pool.String()
		}
		reason := strings.ReplaceAll(v.Reason, v.Node, "{agent}") // so that agents of which the same is said come together
		say(v.Node, fmt.Sprintf("  %-10s %s%s: %s\n", v.Device.Path, v.Outcome, where, reason))
	}
	for _, c := range l.Consumers {
		for i := range blocks {
			if blocks[i].first == c.Node {
				blocks[i].text += fmt.Sprintf("  consumes   %v\n", c.Pools)
			}
		}
	}
	for i := 0; i < len(blocks); i++ {
		b := blocks[i]
		for i+1 < len(blocks) && blocks[i+1].text == b.text {
			b.last, i = blocks[i+1].last, i+1
		}
		if b.first != b.last {
			b.first += ".." + b.last
		}
		fmt.Fprintf(out, "%s\n%s", b.first, b.text)
	}
	for _, p := range l.Pools {
		devices, sdss := 0, 0
		for _, s := range l.SDSs {
			n := 0
			for _, d := range s.Devices {
				if d.Pool == p.Pool {
					n++
				}
			}
			if devices += n; n > 0 {
				sdss++
			}
		}
		fmt.Fprintf(out, "pool %s: %s, %d %% spare; %d devices of %d SDSs\n", p, p.Media, p.SparePercent, devices, sdss)
	}
	for _, p := range l.Problems {
		fmt.Fprintf(out, "%s %s %s\n  fix: %s\n", p.Severity, p.Code, p.Message, p.Fix)
	}
	if w.observed == nil {
		return
	}
	operations := layout.Diff(l, w.observed)
	if l.Blocked() {
		fmt.Fprintln(out, "blocked: nothing is touched")
		return
	}
	for _, op := range operations {
		line := "do " + op.Key()
		switch op.Kind {
		case layout.CreatePool, layout.SetSpare:
			line += fmt.Sprintf(" (%s, %d %% spare)", op.Pool.Media, op.Pool.SparePercent)
		case layout.CreateSDS:
			line += fmt.Sprintf(" at %s", strings.Join(op.SDS.Addresses, ", "))
			if op.FaultSet != "" {
				line += " in fault set " + op.FaultSet
			}
		case layout.AddDevice:
			line += fmt.Sprintf(" into %s", op.Pool)
		}
		if len(op.After) > 0 {
			line += " after " + strings.Join(op.After, ", ")
		}
		fmt.Fprintln(out, line)
	}
	if len(operations) == 0 {
		fmt.Fprintln(out, "nothing to do")
	}
}
