package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// Report is what came of a scenario, as --report and --json write it.
type Report struct {
	Scenario         string             `json:"scenario"`
	Passed           bool               `json:"passed"`
	Error            string             `json:"error,omitempty"`
	ConvergedSeconds float64            `json:"converged_seconds"`
	PhaseSeconds     map[string]float64 `json:"phase_seconds"` // by plan/phase: from its first step that did something to its end
	MesosCalls       map[string]int     `json:"mesos_calls"`
	MesosEvents      map[string]int     `json:"mesos_events"`
	GatewayCalls     map[string]int     `json:"gateway_calls"`
	BytesPerNode     map[string]int64   `json:"bytes_per_node"` // to and from it, through Mesos
	SchedulerPeakRSS int64              `json:"scheduler_peak_rss"`
	SchedulerStarts  int                `json:"scheduler_starts"`
	Layout           json.RawMessage    `json:"layout,omitempty"`
	Refusals         []Refusal          `json:"refusals,omitempty"`
	Proof            *Proof             `json:"proof,omitempty"`
	Expectations     []Expectation      `json:"expectations"`
}

// Refusal is a device that was not taken.
type Refusal struct {
	Agent  string `json:"agent"`
	Device string `json:"device"`
	Reason string `json:"reason"`
}

// gather fills in what the cluster and the scheduler can tell.
func (r *run) gather(ctx context.Context, report *Report) {
	c := r.cluster
	report.PhaseSeconds = map[string]float64{}
	for _, p := range r.board.Plans() {
		for _, ph := range p.Phases {
			if !ph.Started.IsZero() && !ph.Ended.IsZero() {
				report.PhaseSeconds[p.Name+"/"+ph.Name] = ph.Ended.Sub(ph.Started).Seconds()
			}
		}
	}
	if c.master != nil {
		stats := c.master.Stats()
		report.MesosCalls, report.MesosEvents, report.BytesPerNode = stats.Calls, stats.Events, map[string]int64{}
		for name, t := range stats.Agents {
			report.BytesPerNode[name] = t.BytesTo + t.BytesFrom + t.UpdateBytesSent
		}
	}
	report.GatewayCalls = c.system.Calls()
	report.SchedulerPeakRSS = c.scheduler.measure()
	report.SchedulerStarts = c.scheduler.starts
	layout, err := c.scheduler.get(ctx, "/v1/scaleio/layout")
	if err != nil || !json.Valid(layout) {
		return
	}
	report.Layout = layout
	var l layoutAnswer
	if err := json.Unmarshal(layout, &l); err != nil {
		return
	}
	for _, v := range l.Verdicts {
		if v.Outcome == "refused" {
			report.Refusals = append(report.Refusals, Refusal{v.Node, v.Device.Path, v.Reason})
		}
	}
}

// table writes aligned columns.
func table(out io.Writer, rows ...[]any) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		var cells []string
		for _, cell := range row {
			cells = append(cells, fmt.Sprint(cell))
		}
		fmt.Fprintln(w, "  "+strings.Join(cells, "\t"))
	}
	if err := w.Flush(); err != nil {
		return // nobody reads
	}
}

// showStorage prints what the cluster has come to hold.
func (c *Cluster) showStorage(out io.Writer) {
	shot := c.system.Snapshot()
	fmt.Fprintf(out, "\nScaleIO system %s (%s), MDM cluster %s\n", shot.Name, shot.ID, shot.Cluster.State)
	rows := [][]any{{"DOMAIN", "POOL", "MEDIA", "SDSS", "DEVICES", "CAPACITY", "SPARE", "FREE FOR VOLUMES"}}
	for _, p := range shot.Pools {
		rows = append(rows, []any{p.Domain, p.Name, p.Media, p.SDSs, p.Devices, kib(p.CapacityKB), fmt.Sprintf("%d%%", p.SparePercent), kib(p.AvailableKB)})
	}
	table(out, rows...)
	fmt.Fprintln(out)
	rows = [][]any{{"AGENT", "SDS", "DEVICES", "SDC", "VOLUME DRIVERS"}}
	for _, name := range c.order {
		rows = append(rows, c.agentRow(shot, name))
	}
	table(out, fold(rows)...)
}

func kib(n int64) string { return spec.Size(n << 10).String() }

func (c *Cluster) agentRow(shot scaleio.Snapshot, name string) []any {
	h := c.hosts[name]
	sds, sdc := "-", "-"
	var devices []string
	for _, s := range shot.SDSs {
		if !slices.Contains(s.IPs, h.IP()) {
			continue
		}
		sds = s.Name
		for _, d := range shot.Devices {
			if d.SDS == s.Name && d.Domain == s.Domain {
				devices = append(devices, fmt.Sprintf("%s %s %s/%s", d.Path, d.State, d.Domain, d.Pool))
			}
		}
	}
	for _, s := range shot.SDCs {
		if s.GUID == h.GUID() && s.Connected {
			sdc = "connected"
		}
	}
	return []any{name, sds, strings.Join(devices, ", "), sdc, strings.Join(drivers(h), ", ")}
}

// fold keeps tables of many alike agents short.
func fold(rows [][]any) [][]any {
	const most = 40
	if len(rows) <= most {
		return rows
	}
	return append(rows[:most:most], []any{fmt.Sprintf("… and %d more", len(rows)-most)})
}

// showRefusals prints the devices that were not taken, the same reason once.
func showRefusals(out io.Writer, all []Refusal) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(out, "\nDevices that were not taken")
	type group struct {
		reason string
		agents []string
	}
	var groups []*group
	for _, r := range all {
		i := slices.IndexFunc(groups, func(g *group) bool { return g.reason == r.Reason })
		if i < 0 {
			groups = append(groups, &group{reason: r.Reason})
			i = len(groups) - 1
		}
		groups[i].agents = append(groups[i].agents, r.Agent)
	}
	for _, g := range groups {
		who := g.agents[0]
		if n := len(g.agents); n > 1 {
			who = fmt.Sprintf("%s … %s (%d agents)", g.agents[0], g.agents[n-1], n)
		}
		fmt.Fprintf(out, "  %s: %s\n", who, g.reason)
	}
}

// showExpectations prints what was expected and what came of it.
func showExpectations(out io.Writer, all []Expectation) {
	fmt.Fprintln(out, "\nExpectations")
	for _, e := range all {
		mark, rest := "pass", ""
		if !e.Pass {
			mark, rest = "FAIL", ": "+e.Found
		}
		fmt.Fprintf(out, "  %s  %s%s\n", mark, e.Expected, rest)
	}
}
