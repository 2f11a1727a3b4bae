package scheduler

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// PodInfo gives a pod's task as Mesos was told of it, and what Mesos last told of the task: nil while the pod has none. Resources are those
// that the specification asks for; the offer's own reservations are not kept. Both are nil for a pod that does not exist.
func (c *Core) PodInfo(pod string) (*mesos.TaskInfo, *mesos.TaskStatus) {
	n := c.Pod(pod)
	switch {
	case n == nil:
		return nil, nil
	case n.Task == nil:
		return &mesos.TaskInfo{Name: n.TaskName(), AgentID: mesos.AgentID{Value: n.Agent.ID}, Resources: []mesos.Resource{}}, nil
	}
	task := c.cfg.Spec.Pods["node"].Tasks["agent"]
	info := c.taskInfo(n, mesos.Resources{c.scalar("cpus", task.CPUs), c.scalar("mem", task.Memory)})
	return &info, &mesos.TaskStatus{
		TaskID: info.TaskID, AgentID: &info.AgentID, ExecutorID: &info.Executor.ExecutorID,
		State: taskState(n.Task.State), Message: &n.Task.Message,
	}
}

func (c *Core) scalar(name string, value float64) mesos.Resource {
	kind := mesos.SCALAR
	return mesos.Resource{
		Name: name, Type: &kind, Scalar: &mesos.Value_Scalar{Value: value}, AllocationInfo: &mesos.Resource_AllocationInfo{Role: &c.role},
	}
}

// taskState reads a state's name; one that this version of mesos-go does not know is TASK_UNKNOWN.
func taskState(name string) *mesos.TaskState {
	state := mesos.TASK_UNKNOWN
	if number, ok := mesos.TaskState_value[name]; ok {
		state = mesos.TaskState(number)
	}
	return &state
}
