package scaleio

import (
	"errors"
	"net/http"
	"strings"
)

// route is what a path under /api means.
type route struct {
	kind     string
	id       string // of /api/instances/<Kind>::<id>
	types    bool   // /api/types/<Kind>/instances
	relation string
	action   string
	ok       bool
}

// parseRoute reads the paths of [scaleio.md §1.1]; ok is false for any other.
func parseRoute(path string) route {
	parts := strings.Split(strings.TrimPrefix(path, "/api/"), "/")
	if !strings.HasPrefix(path, "/api/") || len(parts) < 2 {
		return route{}
	}
	r := route{ok: true}
	rest := parts[2:]
	switch {
	case parts[0] == "types" && len(parts) >= 3 && parts[2] == "instances":
		r.types, r.kind, rest = true, parts[1], parts[3:]
	case parts[0] == "instances":
		r.kind, r.id, _ = strings.Cut(parts[1], "::")
	default:
		return route{}
	}
	switch {
	case len(rest) == 0:
	case len(rest) == 2 && rest[0] == "action":
		r.action = rest[1]
	case len(rest) == 2 && rest[0] == "relationships" && !r.types:
		r.relation = rest[1]
	default:
		return route{kind: r.kind}
	}
	return r
}

var errUnknownAction = errors.New("unknown action")

// object answers what is about objects.
func (s *System) object(r *http.Request, b body) (any, error) {
	switch r.Method + " " + r.URL.Path {
	case "GET /api/instances", "GET /api/instances/":
		return s.wholeSystem(), nil
	case "POST /api/instances/querySelectedStatistics":
		return s.selectedStatistics(b)
	case "POST /api/instances/System/queryMdmCluster":
		return s.cluster.view(s), nil
	case "GET /rest/v1/alerts":
		if s.from(v4) {
			return s.restAlerts(), nil
		}
	case "GET /api/types/Alert/instances":
		return s.alertInstances(), nil
	}
	to := parseRoute(r.URL.Path)
	if to.kind == "Alert" && to.id != "" && r.Method == http.MethodGet {
		return s.oneAlert(to.id)
	}
	k := kinds[to.kind]
	if !to.ok || k == nil {
		return nil, noRoute(r.Method, r.URL.Path)
	}
	value, err := s.ofKind(r.Method, k, to, b)
	if errors.Is(err, errUnknownAction) {
		return nil, noRoute(r.Method, r.URL.Path)
	}
	if err == nil && r.Method == http.MethodPost {
		s.touch(k.name)
	}
	return value, err
}

func (s *System) oneAlert(id string) (any, error) {
	for _, a := range s.alertInstances() {
		if a["id"] == id {
			return a, nil
		}
	}
	return nil, refuse("NOT_FOUND")
}

// ofKind answers what is about one kind: its list, a new object, one object, or an action.
func (s *System) ofKind(method string, k *kind, to route, b body) (any, error) {
	switch {
	case to.types && to.action != "":
		return s.onType(method, k, to.action, b)
	case to.types && method == http.MethodGet:
		return s.showAll(k.all(s)), nil
	case to.types && method == http.MethodPost && k.create != nil:
		return k.create(s, b)
	case to.types:
		return nil, errUnknownAction
	case to.id == "":
		if a := k.static[to.action]; a != nil && method == http.MethodPost {
			return a(s, b)
		}
		return nil, errUnknownAction
	}
	t, there := k.find(s, to.id)
	if !there {
		return nil, refuse(k.absent)
	}
	switch {
	case to.action != "":
		if a := k.actions[to.action]; a != nil && method == http.MethodPost {
			return a(s, t, b)
		}
		return nil, errUnknownAction
	case method != http.MethodGet:
		return nil, bad(http.StatusMethodNotAllowed, "Method %s is not allowed", method)
	case to.relation != "":
		return s.related(k, t, to.relation)
	}
	return s.show(t), nil
}

func (s *System) related(k *kind, t thing, name string) (any, error) {
	if name == "Statistics" && k.stats != nil {
		return k.stats(s, t), nil
	}
	r, there := k.relations[name]
	if !there || !s.from(r.since) {
		return nil, errUnknownAction
	}
	return s.showAll(r.of(s, t)), nil
}

// onType answers /api/types/<Kind>/instances/action/<name>.
func (s *System) onType(method string, k *kind, name string, b body) (any, error) {
	if method != http.MethodPost {
		return nil, errUnknownAction
	}
	switch {
	case name == "queryIdByKey" && k.key != nil:
		return orError(k.key(s, b))
	case name == "queryBySelectedIds":
		all, err := s.selected(k, b)
		if err != nil {
			return nil, err
		}
		return s.showAll(all), nil
	case name == "querySelectedStatistics" && k.stats != nil && s.from(v3):
		return s.statisticsOf(k, b)
	case name == "queryAllApprovedSdc" && k.name == "Sdc":
		list := []fields{}
		for c := range s.sdcs.all() {
			if c.approved {
				list = append(list, s.show(c))
			}
		}
		return list, nil
	}
	return nil, errUnknownAction
}

// orError keeps a typed zero value from looking like an answer.
func orError(id string, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return id, nil
}
