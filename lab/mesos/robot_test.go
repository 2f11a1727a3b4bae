package mesos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// robots launch executors that are goroutines of the test: they run every task until it is killed and send messages back.
type robots struct{ net network }

// robot is one.
type robot struct {
	net       network
	process   *played
	addr      string
	framework string
	executor  string
	lasting   bool     // the framework checkpoints: it survives its agent's process
	tasks     []string // TaskInfos that are not acknowledged
	updates   []string // statuses that are not
}

func (r robots) Launch(_ context.Context, l Launch) (Process, error) {
	p := &played{done: make(chan struct{})}
	env := map[string]string{}
	for _, v := range l.Env {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	one := &robot{net: r.net, process: p, addr: env["MESOS_AGENT_ENDPOINT"], framework: env["MESOS_FRAMEWORK_ID"], executor: env["MESOS_EXECUTOR_ID"],
		lasting: env["MESOS_CHECKPOINT"] == "1"}
	go one.run()
	return p, nil
}

func (r *robot) run() {
	defer r.process.exit(exited(1))
	for {
		stream, err := r.net.subscribe(r.addr, "/api/v1/executor", r.call("SUBSCRIBE", fmt.Sprintf(`{"unacknowledged_tasks":[%s],"unacknowledged_updates":[%s]}`,
			strings.Join(r.tasks, ","), strings.Join(r.updates, ","))))
		if err == nil {
			r.follow(stream)
		}
		if !r.lasting || !r.process.sleep(100*time.Millisecond) {
			return
		}
	}
}

// follow reads events until the stream ends or the process is killed.
func (r *robot) follow(stream *subscription) {
	defer stream.Close()
	for {
		select {
		case record := <-stream.records:
			if record.end != "" || record.body == nil {
				return
			}
			var e tree
			if json.Unmarshal(record.body, &e) == nil {
				r.event(e)
			}
		case <-r.process.done:
			return
		}
	}
}

func (r *robot) event(e tree) {
	switch e["type"] {
	case "LAUNCH":
		task, _ := json.Marshal(e.path("launch", "task"))
		r.tasks = append(r.tasks, string(task))
		r.report(e.text("launch", "task", "task_id", "value"), "TASK_RUNNING")
	case "KILL":
		r.report(e.text("kill", "task_id", "value"), "TASK_KILLED")
	case "MESSAGE":
		_, _, _ = r.net.post(r.addr, "/api/v1/executor", r.call("MESSAGE", `{"data":"`+e.text("message", "data")+`"}`))
	case "ACKNOWLEDGED":
		r.updates = slices.DeleteFunc(r.updates, func(u string) bool { return strings.Contains(u, e.text("acknowledged", "uuid")) })
		r.tasks = slices.DeleteFunc(r.tasks, func(t string) bool {
			return strings.Contains(t, `"task_id":{"value":"`+e.text("acknowledged", "task_id", "value")+`"}`)
		})
	case "SHUTDOWN":
		r.process.exit(0)
	}
}

// report sends a status, or keeps it for the next subscription.
func (r *robot) report(task, state string) {
	id := uuid.New()
	update := fmt.Sprintf(`{"status":{"task_id":{"value":%q},"state":%q,"source":"SOURCE_EXECUTOR","uuid":%q}}`, task, state, encode(string(id[:])))
	r.updates = append(r.updates, update)
	_, _, _ = r.net.post(r.addr, "/api/v1/executor", r.call("UPDATE", update))
}

func (r *robot) call(kind, body string) string {
	return fmt.Sprintf(`{"type":%q,"framework_id":{"value":%q},"executor_id":{"value":%q},%q:%s}`, kind, r.framework, r.executor, strings.ToLower(kind), body)
}
