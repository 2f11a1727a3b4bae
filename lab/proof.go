package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/consumer"
	"github.com/dcos-scaleio/scaleio/lab/host"
)

const (
	proofDriver = "scaleio"
	proofVolume = "proof-1"
	proofSize   = "8" // GiB
)

// Proof is how a volume outlived its agent.
type Proof struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
}

// prove creates a volume through the driver "scaleio" on one agent, writes a file, kills the agent, mounts the volume on another one and
// reads the file back. say tells each step.
func (c *Cluster) prove(ctx context.Context, say func(format string, args ...any)) *Proof {
	start := time.Now()
	p := &Proof{}
	if err := c.proveOn(ctx, p, say); err != nil {
		p.Error = err.Error()
	}
	p.Seconds = time.Since(start).Seconds()
	return p
}

func (c *Cluster) proveOn(ctx context.Context, p *Proof, say func(format string, args ...any)) error {
	var able []*host.Host
	c.mu.Lock()
	for _, name := range c.order {
		if h := c.hosts[name]; h.On() && slices.Contains(drivers(h), proofDriver) {
			able = append(able, h)
		}
	}
	c.mu.Unlock()
	if len(able) < 2 {
		return fmt.Errorf("%d agents offer the volume driver %s, two are needed", len(able), proofDriver)
	}
	from, to := able[0], able[len(able)-1]
	p.From, p.To = from.Hostname(), to.Hostname()
	written, err := consumer.New(from).Mount(ctx, proofDriver, proofVolume, map[string]string{"size": proofSize})
	if err != nil {
		return err
	}
	say("%s: volume %s created and mounted at %s", p.From, proofVolume, written.Path)
	text := fmt.Sprintf("written on %s at %s\n", p.From, time.Now().Format(time.RFC3339Nano))
	if err := written.WriteFile("hello.txt", []byte(text)); err != nil {
		return err
	}
	say("%s: wrote hello.txt: %s", p.From, text[:len(text)-1])
	if c.master == nil {
		c.host(p.From).PowerOff() // the real agent lives on, its machine's services do not
	} else if err := c.killAgent(p.From); err != nil {
		return err
	}
	say("%s: killed", p.From)
	read, err := consumer.New(to).Mount(ctx, proofDriver, proofVolume, map[string]string{"size": proofSize})
	if err != nil {
		return err
	}
	say("%s: volume %s mounted at %s", p.To, proofVolume, read.Path)
	back, err := read.ReadFile("hello.txt")
	if err != nil {
		return err
	}
	if string(back) != text {
		return fmt.Errorf("%s: hello.txt holds %q, %q was written", p.To, back, text)
	}
	say("%s: read hello.txt: %s", p.To, text[:len(text)-1])
	return nil
}
