package scenarios_test

import (
	"testing"

	"github.com/dcos-scaleio/scaleio/lab/scenarios"
)

func TestEveryScenarioIsValidAndCalledByItsFile(t *testing.T) {
	for _, name := range scenarios.Names() {
		s, err := scenarios.Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Name != name {
			t.Errorf("%s.yml is called %s", name, s.Name)
		}
	}
}

func TestUnknownScenarioNamesThoseThatAreThere(t *testing.T) {
	if _, err := scenarios.Load("nonsense"); err == nil {
		t.Error("no error")
	}
}
