package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/dcos-scaleio/scaleio/lab/scenario"
)

// adopt makes machines for the agents of a real master: the scenario's agents of the same names, or, for those that it does not name,
// like its first.
func (c *Cluster) adopt() error {
	names, err := realAgents(c.uri)
	if err != nil {
		return fmt.Errorf("master %s: %w", c.uri, err)
	}
	if len(names) == 0 {
		return fmt.Errorf("master %s has no agent", c.uri)
	}
	if len(c.scenario.Agents) == 0 {
		return errors.New("the scenario has no agent to take the devices from")
	}
	known := map[string]scenario.Agent{}
	for _, a := range c.scenario.Agents {
		for _, name := range a.Hostnames() {
			known[name] = a
		}
	}
	for _, name := range names {
		a, found := known[name]
		if !found {
			a = c.scenario.Agents[0]
		}
		if _, err := c.addMachine(name, a); err != nil {
			return err
		}
	}
	return nil
}

// realAgents asks a master's operator API for the hostnames of its agents.
func realAgents(master string) ([]string, error) {
	url := strings.TrimSuffix(master, "/")
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	response, err := client.Post(url+"/api/v1", "application/json", bytes.NewReader([]byte(`{"type":"GET_AGENTS"}`)))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	var answer struct {
		GetAgents struct {
			Agents []struct {
				AgentInfo struct {
					Hostname string `json:"hostname"`
				} `json:"agent_info"`
			} `json:"agents"`
		} `json:"get_agents"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	var names []string
	for _, a := range answer.GetAgents.Agents {
		names = append(names, a.AgentInfo.Hostname)
	}
	return names, nil
}
