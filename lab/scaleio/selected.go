package scaleio

import "iter"

// wholeSystem is GET /api/instances: everything in one answer, with counters that move when a kind changes [scaleio.md §1.11].
func (s *System) wholeSystem() fields {
	all := fields{"System": s.show(s.itself()), "isDirty": false, "sessionTag": 0, "rfcacheDeviceList": []fields{},
		"lastSystemVersion": s.changed["System"], "lastRfcacheDeviceVersion": 0}
	for _, k := range kinds {
		if k.listKey != "" {
			all[k.listKey] = s.showAll(k.all(s))
			all["last"+k.name+"Version"] = s.changed[k.name]
		}
	}
	return all
}

// selectedStatistics is POST /api/instances/querySelectedStatistics: of each type the properties asked for, of the system itself or
// by id.
func (s *System) selectedStatistics(b body) (any, error) {
	answer := fields{}
	wanted := b.objects("selectedStatisticsList")
	if len(wanted) == 0 {
		return nil, missing("selectedStatisticsList")
	}
	for _, one := range wanted {
		k := kinds[one.text("type")]
		if k == nil || k.stats == nil {
			return nil, invalidEnum()
		}
		found, err := s.statisticsOf(k, one)
		if err != nil {
			return nil, err
		}
		answer[k.name] = found
	}
	return answer, nil
}

// statisticsOf is one type's part, and the answer of /api/types/<Type>/instances/action/querySelectedStatistics.
func (s *System) statisticsOf(k *kind, b body) (any, error) {
	properties := b.list("properties")
	if len(properties) == 0 {
		return nil, missing("properties")
	}
	if k.name == "System" {
		return pick(s.systemStatistics(), properties), nil
	}
	all, err := s.selected(k, b)
	if err != nil {
		return nil, err
	}
	answer := fields{}
	for t := range all {
		answer[t.identity().id] = pick(k.stats(s, t), properties)
	}
	return answer, nil
}

// selected are the objects of ids, or all when allIds is there, even as an empty list.
func (s *System) selected(k *kind, b body) (iter.Seq[thing], error) {
	if _, all := b["allIds"]; all {
		return k.all(s), nil
	}
	if _, some := b["ids"]; !some {
		return nil, missing("ids")
	}
	var list []thing
	for _, id := range b.list("ids") {
		t, there := k.find(s, id)
		if !there {
			return nil, refuse(k.absent)
		}
		list = append(list, t)
	}
	return func(yield func(thing) bool) {
		for _, t := range list {
			if !yield(t) {
				return
			}
		}
	}, nil
}

// pick leaves out what the emulator does not count.
func pick(all fields, properties []string) fields {
	some := fields{}
	for _, name := range properties {
		if value, there := all[name]; there {
			some[name] = value
		}
	}
	return some
}
