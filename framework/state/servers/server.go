package servers

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrAbsent says what has to be installed.
var ErrAbsent = errors.New("is not installed here: scripts/test installs it on a Debian machine when it runs as root")

// Server is a process that serves at Address.
type Server struct {
	Address string

	dir     string
	program string
	args    []string
	ready   func(address string) bool
	process *os.Process
	ended   chan struct{}
}

// jars are where Debian's libzookeeper-java and libslf4j-java put theirs; the first names what else it needs.
const jars = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar"

// ZooKeeper starts one that keeps its data in dir. Its sessions last as its clients ask, from 0.4 to 40 seconds.
func ZooKeeper(dir string) (*Server, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("java %w", ErrAbsent)
	}
	if _, err := os.Stat(strings.Split(jars, ":")[0]); err != nil {
		return nil, fmt.Errorf("ZooKeeper %w", ErrAbsent)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "zoo.cfg")
	if err := os.WriteFile(config, fmt.Appendf(nil, "tickTime=200\nmaxSessionTimeout=40000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\n"+
		"admin.enableServer=false\nmaxClientCnxns=0\n", filepath.Join(dir, "data"), port), 0o600); err != nil {
		return nil, err
	}
	s := &Server{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), dir: dir, program: java, ready: zooKeeperReady, args: []string{
		"-Xmx1g", // it remembers at least 500 requests, and a big one is a megabyte
		"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dzookeeper.forceSync=no", "-Dzookeeper.preAllocSize=1024", "-cp", jars,
		"org.apache.zookeeper.server.ZooKeeperServerMain", config,
	}}
	return s, s.Start()
}

func zooKeeperReady(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return false
	}
	answer, err := io.ReadAll(conn)
	return err == nil && strings.Contains(string(answer), "Mode: ")
}

// Etcd starts one that keeps its data in dir.
func Etcd(dir string) (*Server, error) {
	program, err := exec.LookPath("etcd")
	if err != nil {
		return nil, fmt.Errorf("etcd %w", ErrAbsent)
	}
	client, err := freePort()
	if err != nil {
		return nil, err
	}
	peer, err := freePort()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(client))
	toClients, toPeers := "http://"+address, "http://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(peer))
	s := &Server{Address: address, dir: dir, program: program, ready: etcdReady, args: []string{
		"--data-dir", filepath.Join(dir, "data"), "--listen-client-urls", toClients, "--advertise-client-urls", toClients,
		"--listen-peer-urls", toPeers, "--initial-advertise-peer-urls", toPeers, "--initial-cluster", "default=" + toPeers,
		"--heartbeat-interval", "20", "--election-timeout", "200", "--logger", "zap", "--log-level", "error",
	}}
	return s, s.Start()
}

func etcdReady(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "GET /health HTTP/1.0\r\n\r\n"); err != nil {
		return false
	}
	answer, err := io.ReadAll(conn)
	return err == nil && strings.Contains(string(answer), `"health":"true"`)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// Start starts the server, again after a Kill, and waits until it serves.
func (s *Server) Start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(s.program, s.args...)
	command.Stdout, command.Stderr, command.Dir = log, log, s.dir
	command.Env = append(os.Environ(), "ETCD_UNSUPPORTED_ARCH="+runtime.GOARCH)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		runtime.LockOSThread() // the end of the thread that started it would end the server
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // it is killed
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process = command.Process
	return s.waitReady()
}

func (s *Server) waitReady() error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for !s.ready(s.Address) {
		select {
		case <-look.C:
		case <-s.ended:
			return fmt.Errorf("%s ended: see %s", s.program, filepath.Join(s.dir, "log"))
		case <-late.C:
			s.Kill()
			return fmt.Errorf("%s does not serve: see %s", s.program, filepath.Join(s.dir, "log"))
		}
	}
	return nil
}

// Kill ends the server as a power failure does; Start brings it back with its data.
func (s *Server) Kill() {
	_ = s.process.Kill()
	<-s.ended
}
