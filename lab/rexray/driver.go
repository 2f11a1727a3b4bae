package rexray

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The texts that REX-Ray lets through to Docker; causes are lost.
var (
	errCreate   = errors.New("error creating volume")
	errSmall    = errors.New("volume size too small")
	errMissing  = errors.New("resource not found")
	errDevice   = errors.New("problem with device discovery")
	errNoDevice = errors.New("no device name returned")
	errDetach   = errors.New("no device name found for attachment")
	errRemove   = errors.New("error removing volume")
	errList     = errors.New("error getting volumes")
	errAttach   = errors.New("error mapping volume sdc")
	errBusy     = errors.New("error unmapping volume sdc")
)

// choose gives the first entry with the id or the name, as the driver chooses.
func choose(all []entry, id, name string) (entry, bool) {
	for _, e := range all {
		if e.ID == id || e.Name == name {
			return e, true
		}
	}
	return entry{}, false
}

// start logs a service in and finds its system, domain and pool.
func (s *service) start(ctx context.Context) error {
	g := newGateway(s)
	s.gateway = g
	if err := g.login(ctx); err != nil {
		return die("libstorage: error authenticating: %v", err)
	}
	if err := g.askVersion(ctx); err != nil {
		return die("libstorage: error authenticating: %v", err)
	}
	systems, err := g.list(ctx, "/api/types/System/instances")
	var found bool
	if s.system, found = choose(systems, s.systemID, s.systemName); err != nil || !found {
		return die("libstorage: error finding system")
	}
	s.sdcsHref = "/api/instances/System::" + s.system.ID + "/relationships/Sdc"
	if s.domainsHref, err = s.system.href("/api/System/relationship/ProtectionDomain"); err != nil {
		return die("libstorage: error finding protection domain")
	}
	domains, err := g.list(ctx, s.domainsHref)
	if s.domain, found = choose(domains, s.domainID, s.domainName); err != nil || !found {
		return die("libstorage: error finding protection domain")
	}
	if s.poolsHref, err = s.domain.href("/api/ProtectionDomain/relationship/StoragePool"); err != nil {
		return die("libstorage: error finding storage pool")
	}
	pools, err := g.list(ctx, s.poolsHref)
	if s.pool, found = choose(pools, s.poolID, s.poolName); err != nil || !found {
		return die("libstorage: error finding storage pool")
	}
	return nil
}

// instance finds the SDC of this machine.
func (s *service) instance(ctx context.Context, guid string) (entry, error) {
	sdcs, err := s.gateway.list(ctx, s.sdcsHref)
	for _, sdc := range sdcs {
		if err == nil && sdc.GUID == strings.ToUpper(guid) {
			return sdc, nil
		}
	}
	return entry{}, die("agent: mod init failed: error initializing instance ID cache")
}

// pools and domains are asked before volumes in every list and inspect, for the fields of the answer.
func (s *service) surroundings(ctx context.Context) error {
	if _, err := s.gateway.list(ctx, "/api/types/StoragePool/instances"); err != nil {
		return errList
	}
	if _, err := s.gateway.list(ctx, s.domainsHref); err != nil {
		return errList
	}
	return nil
}

// volumes lists them; snapshots are hidden.
func (s *service) volumes(ctx context.Context) ([]entry, error) {
	if err := s.surroundings(ctx); err != nil {
		return nil, err
	}
	all, err := s.gateway.list(ctx, "/api/types/Volume/instances")
	if err != nil {
		return nil, errList
	}
	var shown []entry
	for _, v := range all {
		if v.Ancestor == "" {
			shown = append(shown, v)
		}
	}
	return shown, nil
}

func (s *service) named(ctx context.Context, name string) (entry, error) {
	all, err := s.volumes(ctx)
	if err != nil {
		return entry{}, err
	}
	for _, v := range all {
		if strings.EqualFold(v.Name, name) {
			return v, nil
		}
	}
	return entry{}, errMissing
}

func (s *service) inspect(ctx context.Context, id string) (v entry, err error) {
	if err = s.gateway.call(ctx, http.MethodGet, "/api/instances/Volume::"+id, nil, &v); err != nil {
		return v, errMissing
	}
	return v, s.surroundings(ctx)
}

// create makes a volume of size GiB in the pool of that name, wherever in the system the first such pool is.
func (s *service) create(ctx context.Context, name string, size int64, poolName string) error {
	if size <= 0 {
		return errSmall
	}
	pools, err := s.gateway.list(ctx, "/api/types/StoragePool/instances")
	if err != nil {
		return errCreate
	}
	if poolName == "" {
		poolName = s.pool.Name
	}
	pool, found := choose(pools, "", poolName)
	if !found {
		return errCreate
	}
	kind := "ThinProvisioned"
	if s.thick {
		kind = "ThickProvisioned"
	}
	if len(name) > 31 {
		name = name[:31]
	}
	var made entry
	err = s.gateway.call(ctx, http.MethodPost, "/api/types/Volume/instances", map[string]string{"protectionDomainId": pool.DomainID,
		"storagePoolId": pool.ID, "volumeType": kind, "volumeSizeInKb": fmt.Sprint(size << 20), "name": name}, &made)
	if err != nil {
		return errCreate
	}
	if _, err = s.inspect(ctx, made.ID); err != nil {
		return errCreate
	}
	return nil
}

// attach maps a volume to sdc; with force it is taken away from all others first.
func (s *service) attach(ctx context.Context, id, sdc string, force bool) error {
	v, err := s.inspect(ctx, id)
	if err != nil {
		return err
	}
	if len(v.Mapped) > 0 {
		if !force {
			return errAttach
		}
		if err := s.detach(ctx, id, ""); err != nil {
			return err
		}
	}
	if err := s.gateway.call(ctx, http.MethodPost, "/api/instances/Volume::"+id+"/action/addMappedSdc",
		map[string]string{"sdcId": sdc, "allowMultipleMappings": "false"}, nil); err != nil {
		return errAttach
	}
	_, err = s.inspect(ctx, id)
	return err
}

// detach unmaps a volume from sdc, or from all.
func (s *service) detach(ctx context.Context, id, sdc string) error {
	if err := s.gateway.call(ctx, http.MethodGet, "/api/instances/Volume::"+id, nil, &entry{}); err != nil {
		return errMissing
	}
	from := map[string]string{"ignoreScsiInitiators": "true", "sdcId": sdc}
	if sdc == "" {
		from = map[string]string{"ignoreScsiInitiators": "true", "allSdcs": "true"}
	}
	if err := s.gateway.call(ctx, http.MethodPost, "/api/instances/Volume::"+id+"/action/removeMappedSdc", from, nil); err != nil {
		return errBusy
	}
	_, err := s.inspect(ctx, id)
	return err
}

func (s *service) remove(ctx context.Context, id string) error {
	var v entry
	if err := s.gateway.call(ctx, http.MethodGet, "/api/instances/Volume::"+id, nil, &v); err != nil {
		return errMissing
	}
	self, err := v.href("self")
	if err != nil {
		return errRemove
	}
	if err := s.gateway.call(ctx, http.MethodPost, self+"/action/removeVolume", map[string]string{"removeMode": "ONLY_ME"}, nil); err != nil {
		return errRemove
	}
	return nil
}
