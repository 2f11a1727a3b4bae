package scaleio

import "iter"

// kind is what the REST API offers for one type of object. The tables of all kinds stand beside their objects.
type kind struct {
	name      string
	listKey   string // in GET /api/instances
	absent    string // the MDM's code for an unknown id
	find      func(s *System, id string) (thing, bool)
	all       func(s *System) iter.Seq[thing]
	create    func(s *System, b body) (any, error)
	key       func(s *System, b body) (id string, err error) // queryIdByKey
	actions   map[string]action
	static    map[string]staticAction // without an id: /api/instances/<Kind>/action/<name>
	relations map[string]relation
	stats     func(s *System, t thing) fields
	rels      []rel
}

type action func(s *System, t thing, b body) (any, error)

type staticAction func(s *System, b body) (any, error)

// relation gives what stands under relationships/<name>, from its version on.
type relation struct {
	of    func(s *System, t thing) iter.Seq[thing]
	since version
}

// rel is a link to relationships/<name>, shown from its version on.
type rel struct {
	name  string
	since version
}

// kinds by name; filled by init, as the kinds' actions refer to each other's tables.
var kinds map[string]*kind

func init() {
	kinds = map[string]*kind{}
	for _, k := range []*kind{systemKind(), domainKind(), faultSetKind(), poolKind(), sdsKind(), deviceKind(), sdcKind(), volumeKind(),
		vtreeKind(), userKind()} {
		kinds[k.name] = k
	}
}

// do makes an action of a function that answers nothing.
func do[T thing](f func(s *System, t T, b body) error) action {
	return func(s *System, t thing, b body) (any, error) { return nil, f(s, t.(T), b) }
}

// ask makes an action of a function that answers something.
func ask[T thing](f func(s *System, t T, b body) (any, error)) action {
	return func(s *System, t thing, b body) (any, error) { return f(s, t.(T), b) }
}

// set makes an action of settings that nothing else depends on.
func set(settings ...setting) action {
	return func(s *System, t thing, b body) (any, error) { return nil, apply(t.identity(), b, settings) }
}

// fix makes an action that gives a field a value.
func fix(field string, value any) action {
	return func(_ *System, t thing, _ body) (any, error) {
		t.identity().settings[field] = value
		return nil, nil
	}
}

// answeringID is an action that answers with the object's id, as the recordings show for some.
func answeringID(a action) action {
	return func(s *System, t thing, b body) (any, error) {
		if _, err := a(s, t, b); err != nil {
			return nil, err
		}
		return fields{"id": t.identity().id}, nil
	}
}

// nothing is an action that is taken and changes nothing that the emulator shows.
func nothing(*System, thing, body) (any, error) { return nil, nil }

// found and every make a kind's find and all from its table.
func found[E entity](of func(*System) *table[E]) func(*System, string) (thing, bool) {
	return func(s *System, id string) (thing, bool) { e, there := of(s).byID[id]; return e, there }
}

func every[E entity](of func(*System) *table[E]) func(*System) iter.Seq[thing] {
	return func(s *System) iter.Seq[thing] { return things(&of(s).roster) }
}

func things[E entity](r *roster[E]) iter.Seq[thing] {
	return func(yield func(thing) bool) {
		for e := range r.all() {
			if !yield(e) {
				return
			}
		}
	}
}

// related makes a relation of a roster of each object.
func related[T thing, E entity](of func(T) *roster[E]) relation {
	return relation{of: func(_ *System, t thing) iter.Seq[thing] { return things(of(t.(T))) }}
}

// emptyRelation is one whose objects the emulator has none of.
func emptyRelation(since version) relation {
	return relation{of: func(*System, thing) iter.Seq[thing] { return func(func(thing) bool) {} }, since: since}
}

// lookup finds an object by id; an unknown one is refused with the kind's code.
func lookup[E entity](t *table[E], id, absent string) (E, error) {
	e, there := t.byID[id]
	if !there {
		var none E
		return none, refuse(absent)
	}
	return e, nil
}

// links are an object's link objects: itself, its relationships, its parents [scaleio.md §1.2].
func (s *System) links(t thing) []fields {
	k := kinds[t.kindName()]
	self := "/api/instances/" + k.name + "::" + t.identity().id
	list := []fields{{"rel": "self", "href": self}}
	for _, r := range k.rels {
		if s.from(r.since) {
			list = append(list, fields{"rel": "/api/" + k.name + "/relationship/" + r.name, "href": self + "/relationships/" + r.name})
		}
	}
	for _, p := range t.parents() {
		list = append(list, fields{"rel": "/api/parent/relationship/" + p.field, "href": "/api/instances/" + p.kind + "::" + p.id})
	}
	return list
}

// show is an object as the API answers it: its settings, what the model knows, its links.
func (s *System) show(t thing) fields {
	o := t.identity()
	shown := make(fields, len(o.settings)+16)
	for field, value := range o.settings {
		shown[field] = value
	}
	shown["id"] = o.id
	if _, unnamed := t.(*systemThing); !unnamed || o.name != "" { // a real 2.6 without a name had no such field
		shown["name"] = orNull(o.name)
	}
	for field, value := range t.view(s) {
		shown[field] = value
	}
	if !s.faults.linksHidden() {
		shown["links"] = s.links(t)
	}
	return shown
}

func (s *System) showAll(all iter.Seq[thing]) []fields {
	list := []fields{}
	for t := range all {
		list = append(list, s.show(t))
	}
	return list
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// preset is a field of a new object: its value, and the version from which the API shows it.
type preset struct {
	field string
	value any
	since version
}

func (s *System) presets(list []preset) fields {
	set := make(fields, len(list))
	for _, p := range list {
		if s.from(p.since) {
			set[p.field] = p.value
		}
	}
	return set
}

// profile is the performance profile of a new object: Default in 2.x, HighPerformance in 3.x and later [scaleio.md §1.7].
func (s *System) profile() string {
	if s.from(v3) {
		return "HighPerformance"
	}
	return "Default"
}

var profiles = oneOf("Default", "Compact", "HighPerformance", "Custom")

var setProfile = set(setting{param: "perfProfile", field: "perfProfile", read: profiles})
