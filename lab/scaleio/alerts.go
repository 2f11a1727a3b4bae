package scaleio

import (
	"fmt"
	"time"
)

// alert is something that an operator should look at. It lasts as long as its cause, and its id follows from the cause.
type alert struct {
	code, name, severity string // severity of 2.x and 3.x: ALERT_HIGH, ALERT_MEDIUM, ALERT_LOW
	kind, id, object     string
}

// alerts are those of now: of the MDM cluster, of SDSs, devices and pools.
func (s *System) alerts() []alert {
	var list []alert
	for _, m := range s.cluster.members {
		if s.down(m) {
			list = append(list, alert{"MDM_NOT_CLUSTERED", "MDM_CLUSTER_DEGRADED", "ALERT_HIGH", "System", s.id, m.name})
		}
	}
	for d := range s.disconnected.all() {
		list = append(list, alert{"SDS_DISCONNECTED", "SDS_DISCONNECTED", "ALERT_HIGH", "Sds", d.id, d.name})
	}
	for p := range s.pools.all() {
		list = append(list, s.poolAlerts(p)...)
	}
	return list
}

func (s *System) poolAlerts(p *pool) []alert {
	var list []alert
	about := func(name, severity string) {
		list = append(list, alert{name, name, severity, "StoragePool", p.id, p.name})
	}
	switch h := s.health(p); {
	case h.failed > 0:
		about("STORAGE_POOL_HAS_FAILED_CAPACITY", "ALERT_HIGH")
	case h.degradedFailed > 0:
		about("STORAGE_POOL_HAS_DEGRADED_CAPACITY", "ALERT_MEDIUM")
	}
	switch p.usage(p.inUseKB(), p.limitKB-p.spareKB()) {
	case "Critical", "Full":
		about("CAPACITY_UTILIZATION_ABOVE_CRITICAL_THRESHOLD", "ALERT_HIGH")
	case "High":
		about("CAPACITY_UTILIZATION_ABOVE_HIGH_THRESHOLD", "ALERT_MEDIUM")
	}
	if !p.flag("rebuildEnabled") {
		about("REBUILD_DISABLED", "ALERT_LOW")
	}
	return list
}

// alertID stays as long as the alert.
func (s *System) alertID(a alert) string {
	return fmt.Sprintf("%x", s.ids.digest(a.name + a.id + a.object)[:8])
}

// alertInstances are the alerts as 2.x and 3.x list them.
func (s *System) alertInstances() []fields {
	list := []fields{}
	for _, a := range s.alerts() {
		id := s.alertID(a)
		list = append(list, fields{"id": id, "name": id, "alertType": a.name, "severity": a.severity, "affectedObject": fields{"type": "EMC::scaleio::" + a.kind,
			"id": a.id, "objectId": a.id}, "alertValues": fields{}, "startTime": s.born.UTC().Format(time.RFC3339), "lastObserved": s.now().UTC().Format(time.RFC3339),
			"uuid": id, "links": []fields{{"rel": "self", "href": "/api/instances/Alert::" + id}}})
	}
	return list
}

// restAlerts are the alerts as 4.x lists them under /rest/v1/alerts.
func (s *System) restAlerts() fields {
	list := []fields{}
	for _, a := range s.alerts() {
		severity := map[string]string{"ALERT_HIGH": "CRITICAL", "ALERT_MEDIUM": "MAJOR", "ALERT_LOW": "MINOR"}[a.severity]
		list = append(list, fields{"id": s.alertID(a), "code": a.code, "name": a.name, "severity": severity, "resource_type": a.kind,
			"resource_id": a.id, "resource_name": a.object, "timestamp": s.now().UTC().Format(time.RFC3339), "acknowledged": false})
	}
	return fields{"results": list, "paging": fields{"total_instances": len(list)}}
}
