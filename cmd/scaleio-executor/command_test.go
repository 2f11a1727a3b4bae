package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/lab/host"
)

func TestMain(m *testing.M) {
	if os.Getenv("EXECUTOR_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// call runs the program in this process.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = command(t.Context(), args, func(string) string { return "" }, &out, &err)
	return code, out.String(), err.String()
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{nil, exitUsage, "", "usage:"},
		{[]string{"--version"}, exitOK, "scaleio-executor ", ""},
		{[]string{"--help"}, exitOK, "exit codes: 0", ""},
		{[]string{"fly"}, exitUsage, "", `unknown command "fly"`},
		{[]string{"run", "now"}, exitUsage, "", `unexpected argument "now"`},
		{[]string{"run", "-x"}, exitUsage, "", "flag provided but not defined"},
		{[]string{"run"}, exitUsage, "", "MESOS_AGENT_ENDPOINT: is not set"},
		{[]string{"devices", "--min-size", "big"}, exitUsage, "", "is not a size"},
		{[]string{"devices", "--exclude", "["}, exitUsage, "", "exclude"},
		{[]string{"devices", "-h"}, exitOK, "", "usage:"},
		{[]string{"devices", "--host-root", "/no/where"}, exitFailed, "", "/no/where"},
		{[]string{"devices", "--host-root", t.TempDir()}, exitFailed, "", "no device is known"},
	} {
		code, stdout, stderr := call(t, c.args...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: %d\n%s\n%s", c.args, code, stdout, stderr)
		}
	}
}

// TestStartedWithoutAName: Mesos starts a program without arguments with an empty os.Args (reference/mesos-go.md §4.2).
func TestStartedWithoutAName(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{""}, {}} {
		c := &exec.Cmd{Path: self, Args: args, Env: append(os.Environ(), "EXECUTOR_TEST_MAIN=1")}
		out, err := c.CombinedOutput()
		if c.ProcessState.ExitCode() != exitUsage || strings.Contains(string(out), "panic") {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
}

// machine is a host of the lab with programs that are links to a program which asks it.
func machine(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	h, err := host.New(host.Config{Dir: dir, Hostname: "agent-01", IP: "10.0.0.5", Family: "deb", Devices: []host.Device{
		{Path: "/dev/xvda", Size: 50 << 30, Signature: "ext4", Mounted: "/", Partitions: []host.Partition{{Path: "/dev/xvda1", Size: 1 << 30}}},
		{Path: "/dev/xvdf", Size: 2 << 40, Media: "HDD", ByID: []string{"wwn-0x5"}}, {Path: "/dev/xvdg", Size: 1 << 30, Media: "SSD"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	// What the emulated programs would print, as files that sh prints.
	for name, script := range map[string]string{"usr/bin/lsblk": ask(t, h, "lsblk"), "usr/sbin/blkid": "", "usr/sbin/wipefs": ""} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("#!/bin/sh\ncat <<'END'\n"+script+"END\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func ask(t *testing.T, h *host.Host, name string) string {
	t.Helper()
	r, err := h.Run(t.Context(), host.Call{Argv: []string{name, "--json", "--bytes", "--output", "KNAME,TYPE,SIZE,ROTA,RO,RM,MOUNTPOINT,FSTYPE,MODEL,SERIAL"}})
	if err != nil || r.Status != 0 {
		t.Fatal(r, err)
	}
	return r.Stdout
}

func TestDevices(t *testing.T) {
	root := machine(t)
	code, out, stderr := call(t, "devices", "--host-root", root)
	if code != exitOK || stderr != "" {
		t.Fatalf("%d %s", code, stderr)
	}
	for _, want := range []string{
		"DEVICE     SIZE    TYPE  MEDIA  VERDICT       CHECK       WHY\n",
		"/dev/xvda  50 GiB  disk  HDD    refused       mounted     /dev/xvda is mounted at /\n",
		"                                              partitions  /dev/xvda has the partitions /dev/xvda1\n",
		"/dev/xvdf  2 TiB   disk  HDD    may be taken  -           every check passes\n",
		"/dev/xvdg  1 GiB   disk  SSD    refused       size        /dev/xvdg has 1 GiB, below the minimum of 100 GiB\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"/dev/xvdf"}, exitOK}, {[]string{"wwn-0x5", "/dev/disk/by-id/wwn-0x5"}, exitOK}, {[]string{"/dev/xvdf", "/dev/xvda"}, exitRefused},
		{[]string{"/dev/nothing"}, exitRefused}, {[]string{"/dev/xvda1"}, exitRefused},
		{[]string{"--min-size", "1GiB", "/dev/xvdg"}, exitOK}, {[]string{"--max-size", "1TiB", "/dev/xvdf"}, exitRefused}, {[]string{"--exclude", "/dev/xvd[f]", "/dev/xvdf"}, exitRefused},
	} {
		if code, out, _ := call(t, append([]string{"devices", "--host-root", root}, c.args...)...); code != c.code {
			t.Errorf("%q: %d\n%s", c.args, code, out)
		}
	}
	code, out, _ = call(t, "devices", "--host-root", root, "--json", "/dev/xvdf", "/dev/xvda1")
	var got []struct {
		ID       string
		Path     string
		Taken    bool `json:"may_be_taken"`
		Refusals []struct{ Check, Reason string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitRefused || len(got) != 2 {
		t.Fatal(err, out)
	}
	if got[0].ID != "wwn-0x5" || !got[0].Taken || got[0].Refusals == nil || got[1].Taken || !strings.Contains(got[1].Refusals[0].Reason, "is a partition of /dev/xvda") {
		t.Error(out)
	}
}

func TestHostRootByHostname(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "agent-01"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := machineOf(dir+"/{hostname}", "agent-01"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"..", "a/../../b", "", ".", "agent-02"} {
		if _, err := machineOf(dir+"/{hostname}", bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
