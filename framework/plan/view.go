package plan

// View is a plan as the API shows it (dcos-commons.md §1.2).
type View struct {
	Phases   []PhaseView `json:"phases"`
	Errors   []string    `json:"errors"`
	Strategy Strategy    `json:"strategy"`
	Status   Status      `json:"status"`
}

// PhaseView is a phase as the API shows it.
type PhaseView struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Steps    []StepView `json:"steps"`
	Strategy Strategy   `json:"strategy"`
	Status   Status     `json:"status"`
}

// StepView is a step as the API shows it. Message says why it stands where it stands.
type StepView struct {
	ID      string `json:"id"`
	Status  Status `json:"status"`
	Name    string `json:"name"`
	Message string `json:"message"`
}

// View is a copy that the caller may keep. Errors are the plan's own and those of its steps.
func (p *Plan) View() View {
	v := View{Phases: []PhaseView{}, Errors: append([]string{}, p.Errors...), Strategy: p.Strategy, Status: p.Status()}
	for _, ph := range p.Phases {
		pv := PhaseView{ID: ph.ID(), Name: ph.Name, Steps: []StepView{}, Strategy: ph.Strategy, Status: ph.Status()}
		for _, s := range ph.Steps {
			sv := StepView{ID: s.ID(), Status: s.Status(), Name: s.Name, Message: s.Message()}
			if sv.Status == Error {
				v.Errors = append(v.Errors, sv.Message)
			}
			pv.Steps = append(pv.Steps, sv)
		}
		v.Phases = append(v.Phases, pv)
	}
	return v
}
