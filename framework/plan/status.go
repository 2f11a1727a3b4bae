package plan

// Status of a step, a phase or a plan. The names are the SDK's.
type Status string

// The statuses.
const (
	Pending    Status = "PENDING"     // nothing done yet, or it must be done again
	Prepared   Status = "PREPARED"    // offers were looked at, none fitted
	Starting   Status = "STARTING"    // the launch was accepted
	Started    Status = "STARTED"     // runs, the goal is not reached
	Complete   Status = "COMPLETE"    // the goal is reached
	InProgress Status = "IN_PROGRESS" // of phases and plans only
	Waiting    Status = "WAITING"     // an operator has to say something
	Delayed    Status = "DELAYED"     // a back-off runs
	Error      Status = "ERROR"       // an operator has to mend something
)

// Running says whether work is going on.
func (s Status) Running() bool {
	return s == Prepared || s == Starting || s == Started || s == InProgress
}

// children are what a parent's status is made of: all its children's statuses, and those of the children that its strategy offers now.
type children struct {
	all, candidates map[Status]int
	total           int
}

func (c children) any(s Status) bool       { return c.all[s] > 0 }
func (c children) candidate(s Status) bool { return c.candidates[s] > 0 }

// rules aggregate children into their parent's status: the first that holds wins. They are the SDK's table (dcos-commons.md §4.1) with
// its hole filled: there {COMPLETE, DELAYED} and {DELAYED, PENDING} fell through to ERROR although nothing was wrong.
var rules = []struct {
	status Status
	holds  func(c children, interrupted, errors bool) bool
}{
	{Error, func(c children, _, errors bool) bool { return errors || c.any(Error) }},
	{Complete, func(c children, _, _ bool) bool { return c.all[Complete] == c.total }},
	{Waiting, func(_ children, interrupted, _ bool) bool { return interrupted }},
	{InProgress, func(c children, _, _ bool) bool { return c.any(Prepared) }},
	{Waiting, func(c children, _, _ bool) bool { return c.candidate(Waiting) }},
	{InProgress, func(c children, _, _ bool) bool { return c.candidate(InProgress) }},
	{InProgress, func(c children, _, _ bool) bool {
		return c.any(Complete) && (c.candidate(Pending) || c.candidate(Starting) || c.candidate(Started))
	}},
	{Starting, func(c children, _, _ bool) bool { return c.candidate(Starting) && !c.candidate(Pending) }},
	{Started, func(c children, _, _ bool) bool { return c.candidate(Started) && !c.candidate(Pending) }},
	{Pending, func(c children, _, _ bool) bool { return c.candidate(Pending) }},
	{Delayed, func(c children, _, _ bool) bool { return c.any(Delayed) }},
	{Waiting, func(c children, _, _ bool) bool { return c.any(Waiting) }},
	{InProgress, func(c children, _, _ bool) bool { return c.any(Complete) || c.any(InProgress) }},
	// All that is left waits for other phases.
	{Pending, func(children, bool, bool) bool { return true }},
}

func aggregate(c children, interrupted, errors bool) Status {
	for _, r := range rules {
		if r.holds(c, interrupted, errors) {
			return r.status
		}
	}
	return Error // unreachable: the last rule always holds
}
