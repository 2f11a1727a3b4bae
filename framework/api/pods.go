package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

type servicePods struct {
	Service string    `json:"service"`
	Pods    []podType `json:"pods,omitempty"`
}

type podType struct {
	Name      string        `json:"name"`
	Instances []podInstance `json:"instances,omitempty"`
}

type podInstance struct {
	Name  string    `json:"name"`
	Tasks []podTask `json:"tasks,omitempty"`
}

type podTask struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status,omitempty"`
}

func instance(v scheduler.NodeView) podInstance {
	t := podTask{Name: v.Pod + "-agent", Status: v.TaskState()}
	if v.Task != nil {
		t.ID = v.Task.ID
	}
	return podInstance{Name: v.Pod, Tasks: []podTask{t}}
}

func (s server) nodeViews(w http.ResponseWriter, r *http.Request) (service string, views []scheduler.NodeView, ok bool) {
	ok = s.do(w, r, func(core *scheduler.Core, _ time.Time) { service, views = core.Spec().Name, core.Nodes() })
	return service, views, ok
}

func (s server) pods(w http.ResponseWriter, r *http.Request) {
	_, views, ok := s.nodeViews(w, r)
	if !ok {
		return
	}
	names := []string{}
	for _, v := range views {
		names = append(names, v.Pod)
	}
	slices.Sort(names)
	answer(w, http.StatusOK, names)
}

func (s server) podStatuses(w http.ResponseWriter, r *http.Request) {
	service, views, ok := s.nodeViews(w, r)
	if !ok {
		return
	}
	pods := servicePods{Service: service}
	if len(views) > 0 {
		pods.Pods = []podType{{Name: "node"}}
	}
	for _, v := range views {
		pods.Pods[0].Instances = append(pods.Pods[0].Instances, instance(v))
	}
	answer(w, http.StatusOK, pods)
}

// pod finds the pod of the path.
func (s server) pod(w http.ResponseWriter, r *http.Request) (scheduler.NodeView, bool) {
	_, views, ok := s.nodeViews(w, r)
	if !ok {
		return scheduler.NodeView{}, false
	}
	i := slices.IndexFunc(views, func(v scheduler.NodeView) bool { return v.Pod == mux.Vars(r)["pod"] })
	if i < 0 {
		notFound(w, r)
		return scheduler.NodeView{}, false
	}
	return views[i], true
}

func (s server) podStatus(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.pod(w, r); ok {
		answer(w, http.StatusOK, instance(v))
	}
}

// podTaskInfo is a task as Mesos knows it; Status is null for one that never ran, or runs no more.
type podTaskInfo struct {
	Info   *mesos.TaskInfo   `json:"info"`
	Status *mesos.TaskStatus `json:"status"`
}

func (s server) podInfo(w http.ResponseWriter, r *http.Request) {
	var task podTaskInfo
	if !s.do(w, r, func(core *scheduler.Core, _ time.Time) { task.Info, task.Status = core.PodInfo(mux.Vars(r)["pod"]) }) {
		return
	}
	if task.Info == nil {
		notFound(w, r)
		return
	}
	answer(w, http.StatusOK, []podTaskInfo{task})
}

// podCommand carries out a command on the pod of the path.
func (s server) podCommand(verb scheduler.Verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		pod := mux.Vars(r)["pod"]
		var tasks []string
		var err error
		if !s.do(w, r, func(core *scheduler.Core, now time.Time) { tasks, err = core.CommandPod(now, verb, pod) }) {
			return
		}
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, http.StatusOK, map[string]any{"pod": pod, "tasks": tasks})
	}
}
