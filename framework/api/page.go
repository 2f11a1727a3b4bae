package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

var (
	//go:embed page.html.tmpl
	pageText string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string

	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
		"style":  func() template.CSS { return template.CSS(pageStyle) },
		"script": func() template.JS { return template.JS(pageScript) },
		"lower":  func(s plan.Status) string { return strings.ToLower(string(s)) },
	}).Parse(pageText))

	// pagePolicy lets nothing run or load but what is in the page itself, whatever name slipped into it.
	pagePolicy = "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"script-src '" + hash(pageScript) + "'; style-src '" + hash(pageStyle) + "'"
)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// snapshot is what the page is made of, read in one go.
type snapshot struct {
	now       time.Time
	service   string
	framework string
	health    int
	warnings  []string
	plans     []namedPlan
	nodes     []scheduler.NodeView
	layout    layout.Layout
	observed  *layout.Observed
}

type namedPlan struct {
	name string
	view plan.View
}

func look(core *scheduler.Core, now time.Time) snapshot {
	s := snapshot{
		now: now, service: core.Spec().Name, framework: core.FrameworkID(), warnings: core.Warnings(), nodes: core.Nodes(), layout: *core.Preview(),
	}
	s.health, _ = core.Health()
	for _, name := range core.Plans() {
		s.plans = append(s.plans, namedPlan{name, core.Plan(name).View()})
	}
	if o := core.Observed(); o != nil {
		s.observed = o.Clone()
	}
	return s
}

// page shows a person what there is, what is being done, and why something is not. It commands nothing.
func (s server) page(w http.ResponseWriter, r *http.Request) {
	var seen snapshot
	if !s.do(w, r, func(core *scheduler.Core, now time.Time) { seen = look(core, now) }) {
		return
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, seen.page(s.Version)); err != nil {
		text(w, http.StatusInternalServerError, "the page cannot be made: "+err.Error())
		return
	}
	for name, value := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": pagePolicy, "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		w.Header().Set(name, value)
	}
	w.Write(out.Bytes())
}

// conditions say what the SDK's health codes mean, in the order in which a person wants to know.
var conditions = map[int]struct{ Class, Text string }{
	scheduler.HealthErrors:     {"error", "Something needs you"},
	scheduler.HealthNoID:       {"pending", "Not registered with Mesos yet"},
	scheduler.HealthDelayed:    {"delayed", "Something failed and is tried again"},
	scheduler.HealthWaiting:    {"waiting", "Waits for your decision"},
	scheduler.HealthPending:    {"pending", "Deploying"},
	scheduler.HealthStarting:   {"in_progress", "Deploying"},
	scheduler.HealthRecovering: {"in_progress", "Recovering"},
	scheduler.HealthRunning:    {"complete", "Running"},
}

// pageData is what the template shows.
type pageData struct {
	Service, Framework, Version, Now string
	Condition                        struct{ Class, Text string }
	System                           string
	Problems                         []pageProblem
	Plans                            []pagePlan
	Pools                            []pagePool
	Nodes                            []pageNode
	NodesLeftOut, NodeCount          int
	Taken                            int
	Proposed, Refused                []pageVerdict
	ProposedCount, RefusedCount      int
}

func (s snapshot) page(version string) pageData {
	d := pageData{
		Service: s.service, Framework: s.framework, Version: version, Now: s.now.UTC().Format("2006-01-02 15:04:05 UTC"),
		Condition: conditions[s.health], Problems: s.problems(), Pools: s.pools(), NodeCount: len(s.nodes),
	}
	if s.observed != nil {
		d.System = strings.TrimSpace(s.observed.Name + " " + s.observed.ID + ", API " + s.observed.APIVersion + ", " + s.observed.Cluster)
	}
	for _, p := range s.plans {
		d.Plans = append(d.Plans, pagePlanOf(p))
	}
	d.Nodes, d.NodesLeftOut = s.pageNodes()
	s.verdicts(&d)
	return d
}

// pageProblem is what an operator should see first.
type pageProblem struct {
	Class  string // error or warning
	Where  string
	Text   string
	Advice string
}

func (s snapshot) problems() []pageProblem {
	var all []pageProblem
	for _, p := range s.layout.Problems {
		all = append(all, pageProblem{string(p.Severity), strings.TrimSpace(p.Code + " " + p.Node), p.Message, p.Fix})
	}
	for _, w := range s.warnings {
		all = append(all, pageProblem{Class: "warning", Where: "service", Text: w})
	}
	byText := map[string][]string{}
	for _, n := range s.nodes {
		for _, w := range n.Warnings {
			byText[w] = append(byText[w], n.Name)
		}
	}
	for _, n := range s.nodes { // in the nodes' order, each text once
		for _, w := range n.Warnings {
			if names := byText[w]; names != nil {
				all = append(all, pageProblem{Class: "warning", Where: some(names), Text: w})
				delete(byText, w)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pageProblem) int { return strings.Compare(a.Class, b.Class) }) // errors first
	return all
}
