package scaleio

import (
	"container/list"
	"iter"
)

// roster keeps things in the order in which they came; adding, removing and asking cost the same for any number of them.
// The zero value is empty.
type roster[T comparable] struct {
	at    map[T]*list.Element
	order list.List
}

func (r *roster[T]) add(t T) {
	if r.at == nil {
		r.at = map[T]*list.Element{}
	}
	if _, there := r.at[t]; !there {
		r.at[t] = r.order.PushBack(t)
	}
}

func (r *roster[T]) remove(t T) {
	if e, there := r.at[t]; there {
		r.order.Remove(e)
		delete(r.at, t)
	}
}

func (r *roster[T]) has(t T) bool { _, there := r.at[t]; return there }

func (r *roster[T]) len() int { return len(r.at) }

// all gives every thing in order; the one at hand may be removed meanwhile.
func (r *roster[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for e := r.order.Front(); e != nil; {
			next := e.Next()
			if !yield(e.Value.(T)) {
				return
			}
			e = next
		}
	}
}

// first is the thing that came first, or the zero T.
func (r *roster[T]) first() (t T) {
	if e := r.order.Front(); e != nil {
		t = e.Value.(T)
	}
	return t
}

// table is a roster of objects that are found by id and, where they have one, by name.
type table[E entity] struct {
	roster[E]
	scope  func(E) string // what a name is unique in: nil: the system
	byID   map[string]E
	byName map[string]E
}

func (t *table[E]) insert(e E) {
	if t.byID == nil {
		t.byID, t.byName = map[string]E{}, map[string]E{}
	}
	t.add(e)
	t.byID[e.identity().id] = e
	if e.identity().name != "" {
		t.byName[t.key(e)] = e
	}
}

func (t *table[E]) drop(e E) {
	t.remove(e)
	delete(t.byID, e.identity().id)
	delete(t.byName, t.key(e))
}

// rename gives e another name; the caller made sure that it is free.
func (t *table[E]) rename(e E, name string) {
	delete(t.byName, t.key(e))
	e.identity().name = name
	if name != "" {
		t.byName[t.key(e)] = e
	}
}

// named finds by name within scope ("" where names are the system's).
func (t *table[E]) named(scope, name string) (E, bool) {
	e, there := t.byName[scope+"/"+name]
	return e, there
}

func (t *table[E]) key(e E) string {
	scope := ""
	if t.scope != nil {
		scope = t.scope(e)
	}
	return scope + "/" + e.identity().name
}
