package scaleio

import (
	"reflect"
	"strings"
)

// Answers says whether the emulator has a documented call, "POST /api/instances/Sds::{id}/action/removeSds": "yes", "taken" (it
// answers and changes nothing) or "no".
func Answers(call string) string {
	method, path, _ := strings.Cut(call, " ")
	if _, open := openRoutes[call]; open {
		return "yes"
	}
	if _, own := gatewayRoutes[call]; own {
		return "yes"
	}
	switch call {
	case "POST /api/instances/System/queryMdmCluster", "POST /api/instances/User/action/setPassword", "GET /api/types/Alert/instances":
		return "yes"
	}
	to := parseRoute(path)
	k := kinds[to.kind]
	if !to.ok || k == nil {
		return "no"
	}
	return map[bool]string{true: "yes", false: "no"}[k.answers(method, to)] + k.inert(to)
}

func (k *kind) answers(method string, to route) bool {
	switch {
	case to.types && to.action != "":
		return method == "POST" && (to.action == "queryIdByKey" && k.key != nil || to.action == "queryBySelectedIds" ||
			to.action == "querySelectedStatistics" && k.stats != nil || to.action == "queryAllApprovedSdc" && k.name == "Sdc")
	case to.types:
		return method == "GET" || method == "POST" && k.create != nil
	case to.id == "":
		return k.static[to.action] != nil
	case to.action != "":
		return k.actions[to.action] != nil
	case to.relation == "Statistics":
		return k.stats != nil
	case to.relation != "":
		return k.relations[to.relation].of != nil
	}
	return method == "GET"
}

func (k *kind) inert(to route) string {
	if a := k.actions[to.action]; to.id != "" && a != nil && reflect.ValueOf(a).Pointer() == reflect.ValueOf(action(nothing)).Pointer() {
		return ", without effect"
	}
	return ""
}
