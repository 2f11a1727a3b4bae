package scaleio

import (
	"maps"
	"regexp"
	"sync"
)

// calls counts requests by method and path template.
type calls struct {
	mu    sync.Mutex
	count map[string]int
}

var instanceID = regexp.MustCompile(`::[^/]+`)

// template is a path without its ids.
func template(path string) string { return instanceID.ReplaceAllString(path, "::{id}") }

func (c *calls) add(method, path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[method+" "+template(path)]++
}

func (c *calls) snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		return map[string]int{}
	}
	return maps.Clone(c.count)
}
