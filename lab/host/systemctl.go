package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

func systemctl(_ context.Context, h *Host, c Call) Result {
	options, operands := take(c.Argv[1:], "-p", "--property", "-n", "--lines")
	if has(options, "--version") {
		return Result{Stdout: "systemd 249 (249.11-0ubuntu3.11)\n"}
	}
	if len(operands) == 0 {
		return failure(1, "Too few arguments.\n")
	}
	verb, names := operands[0], operands[1:]
	if verb == "daemon-reload" {
		h.daemonReload()
		return Result{}
	}
	if verb == "is-system-running" {
		return Result{Stdout: "running\n"}
	}
	var r Result
	for _, name := range names {
		one := systemctlOne(h, verb, name, options)
		r.Stdout += one.Stdout
		r.Stderr += one.Stderr
		r.Status = max(r.Status, one.Status)
	}
	return r
}

func systemctlOne(h *Host, verb, name string, options map[string]string) Result {
	full := strings.TrimSuffix(name, ".service") + ".service"
	u, found := h.unitNamed(name)
	if !found {
		return unknownUnit(verb, full)
	}
	u.mu.Lock()
	enabled, state, text, stale := u.enabled, u.state, u.log, false
	if now, ok := h.readUnit(u.name); ok && now != u.loaded.text {
		stale = true
	}
	u.mu.Unlock()
	var r Result
	if stale && (verb == "start" || verb == "restart" || verb == "status") {
		r.Stderr = fmt.Sprintf("Warning: The unit file, source configuration file or drop-ins of %s changed on disk. Run 'systemctl daemon-reload' to reload units.\n", full)
	}
	switch verb {
	case "is-active":
		r.Stdout = state + "\n"
		if state != "active" {
			r.Status = 3
		}
	case "is-failed":
		r.Stdout = state + "\n"
		if state != "failed" {
			r.Status = 1
		}
	case "is-enabled":
		r.Stdout = "enabled\n"
		if !enabled {
			r.Stdout, r.Status = "disabled\n", 1
		}
	case "enable":
		h.setEnabled(name, true)
		if !enabled {
			r.Stderr += fmt.Sprintf("Created symlink /etc/systemd/system/multi-user.target.wants/%s.\n", full)
		}
		if has(options, "--now") {
			r = startResult(h, u, full, r)
		}
	case "disable":
		h.setEnabled(name, false)
		if has(options, "--now") {
			h.stopUnit(name)
		}
	case "start":
		r = startResult(h, u, full, r)
	case "stop":
		h.stopUnit(name)
	case "restart", "try-restart", "reload-or-restart":
		if verb == "try-restart" && state != "active" {
			break
		}
		h.stopUnit(name)
		r = startResult(h, u, full, r)
	case "reload", "reset-failed", "mask", "unmask":
	case "status":
		r.Stdout = fmt.Sprintf("* %s\n     Loaded: loaded\n     Active: %s\n\n%s", full, state, text)
		if state != "active" {
			r.Status = 3
		}
	case "cat":
		r.Stdout = u.loaded.text
	case "show":
		r.Stdout = showUnit(options, state, enabled, u)
	default:
		return failure(1, "Unknown command verb %s.\n", verb)
	}
	return r
}

func startResult(h *Host, u *unit, full string, r Result) Result {
	if _, err := h.startUnit(u.name); err != nil {
		r.Stderr += fmt.Sprintf("Job for %s failed because the control process exited with error code.\nSee \"systemctl status %s\" and \"journalctl -xeu %s\" for details.\n", full, full, full)
		r.Status = 1
	}
	return r
}

func showUnit(options map[string]string, state string, enabled bool, u *unit) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	properties := map[string]string{"ActiveState": state, "LoadState": "loaded", "UnitFileState": "disabled", "NRestarts": fmt.Sprint(u.restarts),
		"ExecMainStatus": fmt.Sprint(u.status), "SubState": map[string]string{"active": "running", "activating": "auto-restart", "failed": "failed"}[state]}
	if enabled {
		properties["UnitFileState"] = "enabled"
	}
	if properties["SubState"] == "" {
		properties["SubState"] = "dead"
	}
	wanted := value(options, "-p", "--property")
	var lines []string
	for key, text := range properties {
		if wanted == "" || slices.Contains(strings.Split(wanted, ","), key) {
			if has(options, "--value") {
				lines = append(lines, text)
			} else {
				lines = append(lines, key+"="+text)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func unknownUnit(verb, full string) Result {
	switch verb {
	case "is-active":
		return Result{Stdout: "inactive\n", Status: 3}
	case "is-failed":
		return Result{Stdout: "inactive\n", Status: 1}
	case "is-enabled":
		return failure(1, "Failed to get unit file state for %s: No such file or directory\n", full)
	case "status":
		return failure(4, "Unit %s could not be found.\n", full)
	case "show":
		return Result{Stdout: "LoadState=not-found\nActiveState=inactive\nSubState=dead\n"}
	case "enable", "disable":
		return failure(1, "Failed to %s unit: Unit file %s does not exist.\n", verb, full)
	default:
		return failure(5, "Failed to %s %s: Unit %s not found.\n", verb, full, full)
	}
}
