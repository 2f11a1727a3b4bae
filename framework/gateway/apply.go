package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/dell/goscaleio"
	types "github.com/dell/goscaleio/types/v1"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
)

// operations carries out each kind; what it is about and what is done to it are for the error.
var operations = map[layout.Kind]struct {
	about func(op layout.Operation) (object, action string)
	do    func(t *task) (Result, error)
}{
	layout.CreateDomain: {
		func(op layout.Operation) (string, string) { return "protection domain " + op.Domain, "create" },
		(*task).createDomain,
	},
	layout.CreateFaultSet: {
		func(op layout.Operation) (string, string) {
			return "fault set " + op.Domain + "/" + op.FaultSet, "create"
		},
		(*task).createFaultSet,
	},
	layout.CreatePool: {
		func(op layout.Operation) (string, string) { return "storage pool " + op.Pool.String(), "create" },
		(*task).createPool,
	},
	layout.SetSpare: {
		func(op layout.Operation) (string, string) {
			return "storage pool " + op.Pool.String(), fmt.Sprintf("set the spare to %d %%", op.Pool.SparePercent)
		},
		(*task).setSpare,
	},
	layout.CreateSDS: {
		func(op layout.Operation) (string, string) { return "SDS " + op.SDS.Name, "create in " + op.SDS.Domain },
		(*task).createSDS,
	},
	layout.AddDevice: {
		func(op layout.Operation) (string, string) {
			return "SDS " + op.SDS.Name, "add " + op.Device.Path + " to " + op.Pool.String()
		},
		(*task).addDevice,
	},
}

// Apply makes the system as op says and tells what it took.
func (c *Client) Apply(ctx context.Context, op layout.Operation) (Outcome, error) {
	operation, known := operations[op.Kind]
	if !known {
		return Outcome{}, fault.New(fault.Internal, "", "", "the gateway knows no operation %q", op.Kind)
	}
	var outcome Outcome
	err := c.at(ctx, func(e *endpoint) (err error) {
		t := task{e: e, ctx: ctx, op: op}
		t.ids.Result, err = operation.do(&t)
		outcome = t.ids
		return err
	})
	if err != nil {
		object, action := operation.about(op)
		return Outcome{}, within(object, action, err)
	}
	return outcome, nil
}

// task is one operation at one gateway, with the ids learnt on the way.
type task struct {
	e   *endpoint
	ctx context.Context
	op  layout.Operation
	ids Outcome
}

func conflict(format string, args ...any) error {
	return fault.New(fault.Conflict, "", "", format, args...)
}

// settle gives the id of what find finds. If that is nothing, create makes it; and when the MDM says that it is there after all (somebody was
// faster, or an earlier answer was lost), find has the last word. find refuses what is there but not as we would have it.
func settle(find, create func() (id string, err error)) (string, Result, error) {
	id, err := find()
	if id != "" || err != nil {
		return id, Unchanged, err
	}
	id, err = create()
	if id != "" && err == nil {
		return id, Created, nil
	}
	if err != nil && fault.KindOf(err) != fault.Conflict {
		return "", "", err
	}
	if there, failed := find(); there != "" || failed != nil {
		return there, Unchanged, failed
	}
	if err == nil {
		err = fault.New(fault.Temporary, "", "", "the gateway says that it is done, and there is nothing yet")
	}
	return "", "", err
}

// idByName gives the id of an object whose name is unique in the system, or "".
func (t *task) idByName(kind, name string) (string, error) {
	if name == "" {
		return "", fault.New(fault.Internal, "", "", "the operation names no %s", kind)
	}
	id, err := t.e.ask(t.ctx, http.MethodPost, "/api/types/"+kind+"/instances/action/queryIdByKey", map[string]string{"name": name})
	switch {
	case err == nil:
		return id, nil
	case fault.KindOf(err) == fault.NotFound:
		return "", nil
	case !unknownCall(err):
		return "", err
	}
	return t.idInList("/api/types/"+kind+"/instances", name)
}

// idInList gives the id of the object of that name in a list, or "".
func (t *task) idInList(path, name string) (string, error) {
	var list []struct{ ID, Name string }
	if err := t.e.do(t.ctx, http.MethodGet, path, nil, &list); err != nil {
		return "", err
	}
	for _, one := range list {
		if one.Name == name {
			return one.ID, nil
		}
	}
	return "", nil
}

// domain learns the id of a protection domain that must be there.
func (t *task) domain(name string) error {
	id, err := t.idByName("ProtectionDomain", name)
	if err == nil && id == "" {
		err = fault.New(fault.NotFound, "", "", "there is no protection domain %s", name)
	}
	t.ids.Domain = id
	return err
}

// inDomain is goscaleio's protection domain for one call.
func (t *task) inDomain(c *goscaleio.Client) *goscaleio.ProtectionDomain {
	return goscaleio.NewProtectionDomainEx(c, &types.ProtectionDomain{ID: t.ids.Domain})
}

// ask makes one call of goscaleio that gives an id.
func (t *task) ask(do func(*goscaleio.Client) (string, error)) (id string, err error) {
	err = t.e.call(t.ctx, func(c *goscaleio.Client) (err error) {
		id, err = do(c)
		return err
	})
	return id, err
}

func (t *task) createDomain() (result Result, err error) {
	t.ids.Domain, result, err = settle(
		func() (string, error) { return t.idByName("ProtectionDomain", t.op.Domain) },
		func() (string, error) {
			return t.ask(func(c *goscaleio.Client) (string, error) {
				return goscaleio.NewSystem(c).CreateProtectionDomain(t.op.Domain)
			})
		})
	return result, err
}

func (t *task) createFaultSet() (result Result, err error) {
	if err := t.domain(t.op.Domain); err != nil {
		return "", err
	}
	t.ids.FaultSet, result, err = settle(
		func() (string, error) { return t.faultSet(t.op.FaultSet) },
		func() (string, error) {
			return t.ask(func(c *goscaleio.Client) (string, error) {
				return t.inDomain(c).CreateFaultSet(&types.FaultSetParam{Name: t.op.FaultSet})
			})
		})
	return result, err
}

// faultSet gives the id of a fault set of the task's domain, or "".
func (t *task) faultSet(name string) (string, error) {
	return t.idInList("/api/instances/ProtectionDomain::"+t.ids.Domain+"/relationships/FaultSet", name)
}

// pools gives the storage pools of the task's domain.
func (t *task) pools() (pools []pool, err error) {
	err = t.e.do(t.ctx, http.MethodGet, "/api/instances/ProtectionDomain::"+t.ids.Domain+"/relationships/StoragePool", nil, &pools)
	return pools, err
}

// pool gives the pool of the operation, nil if there is none.
func (t *task) pool() (*pool, error) {
	pools, err := t.pools()
	if err != nil {
		return nil, err
	}
	for i := range pools {
		if pools[i].Name == t.op.Pool.StoragePool {
			t.ids.Pool = pools[i].ID
			return &pools[i], nil
		}
	}
	return nil, nil
}

// createPool makes the pool with all its settings, reads it back, and sets what the version did not take at creation: zero padding can
// be changed only before the first device, and a rebuild that is off protects nobody's data.
func (t *task) createPool() (Result, error) {
	if err := t.domain(t.op.Pool.ProtectionDomain); err != nil {
		return "", err
	}
	s, err := t.e.login(t.ctx, nil)
	if err != nil {
		return "", err
	}
	var found *pool
	_, result, err := settle(
		func() (string, error) {
			if found, err = t.pool(); err != nil || found == nil {
				return "", err
			}
			return found.ID, nil
		},
		func() (string, error) {
			settings := &types.StoragePoolParam{Name: t.op.Pool.StoragePool, SparePercentage: strconv.Itoa(t.op.Pool.SparePercent),
				RebuildEnabled: true, RebalanceEnabled: true, ZeroPaddingEnabled: "TRUE"}
			if s.version.atLeast(v3) {
				settings.MediaType = t.op.Pool.Media
			}
			return t.ask(func(c *goscaleio.Client) (string, error) { return t.inDomain(c).CreateStoragePool(settings) })
		})
	if err != nil {
		return "", err
	}
	if result == Created {
		if found, err = t.pool(); err != nil {
			return "", err
		}
		if found == nil {
			return "", fault.New(fault.Temporary, "", "", "the pool was created and is not in the list of its domain yet")
		}
	}
	changed, err := t.complete(found)
	if changed {
		result = Created
	}
	return result, err
}

// complete brings a pool to the settings that the operation wants, as far as they can be changed. A spare above the wanted one is left: SetSpare lowers it.
func (t *task) complete(p *pool) (changed bool, err error) {
	if want := t.op.Pool.Media; want != "" && p.MediaType != "" && p.MediaType != want && p.MediaType != "Transitional" {
		return false, conflict("its media type is %s, the layout has %s devices for it: choose another pool, or change the type in ScaleIO", p.MediaType, want)
	}
	off := func(setting *bool) bool { return setting != nil && !*setting }
	if off(p.ZeroPaddingEnabled) {
		err := t.inPool(func(pd *goscaleio.ProtectionDomain) error { return pd.EnableOrDisableZeroPadding(p.ID, "TRUE") })
		if errors.As(err, new(*refusal)) && !fault.IsTemporary(err) {
			return false, conflict("its zero padding is off, and can be changed only while it has no devices: %w", err)
		} else if err != nil {
			return false, err
		}
		changed = true
	}
	if p.SparePercentage != nil && *p.SparePercentage < t.op.Pool.SparePercent {
		if err := t.spare(p); err != nil {
			return changed, err
		}
		changed = true
	}
	if off(p.RebuildEnabled) {
		if err := t.inPool(func(pd *goscaleio.ProtectionDomain) error { return pd.SetRebuildEnabled(p.ID, "TRUE") }); err != nil {
			return changed, err
		}
		changed = true
	}
	if off(p.RebalanceEnabled) {
		if err := t.inPool(func(pd *goscaleio.ProtectionDomain) error { return pd.SetRebalanceEnabled(p.ID, "TRUE") }); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}

// inPool makes one call of goscaleio that changes a setting of a pool.
func (t *task) inPool(do func(*goscaleio.ProtectionDomain) error) error {
	return t.e.call(t.ctx, func(c *goscaleio.Client) error { return do(t.inDomain(c)) })
}

func (t *task) spare(p *pool) error {
	return t.inPool(func(pd *goscaleio.ProtectionDomain) error {
		return pd.SetSparePercentage(p.ID, strconv.Itoa(t.op.Pool.SparePercent))
	})
}

func (t *task) setSpare() (Result, error) {
	p, err := t.existingPool()
	if err != nil {
		return "", err
	}
	if p.SparePercentage != nil && *p.SparePercentage == t.op.Pool.SparePercent {
		return Unchanged, nil
	}
	return Created, t.spare(p)
}

// existingPool gives the operation's pool, which must be there.
func (t *task) existingPool() (*pool, error) {
	if err := t.domain(t.op.Pool.ProtectionDomain); err != nil {
		return nil, err
	}
	p, err := t.pool()
	if err == nil && p == nil {
		err = fault.New(fault.NotFound, "", "", "there is no storage pool %s", t.op.Pool)
	}
	return p, err
}
