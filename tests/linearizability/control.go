package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A control plane on a folder that outlives it.
type control struct {
	command *exec.Cmd
	base    string
	dead    chan struct{} // closed when it was waited for
}

func start(program, folder string) (*control, error) {
	ports := filepath.Join(folder, "ports.json")
	_ = os.Remove(ports)
	log, err := os.OpenFile(filepath.Join(folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := &control{command: exec.Command(program, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
		"--data", filepath.Join(folder, "data"), "--ports-file", ports), dead: make(chan struct{})}
	c.command.Stderr = log
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	go func() { _ = c.command.Wait(); close(c.dead) }()
	deadline := time.After(60 * time.Second)
	for {
		if text, err := os.ReadFile(ports); err == nil {
			var chosen struct{ HTTP int }
			if err := json.Unmarshal(text, &chosen); err != nil {
				return nil, err
			}
			c.base = fmt.Sprintf("http://127.0.0.1:%d/api/v1/", chosen.HTTP)
			return c, nil
		}
		select {
		case <-c.dead:
			said, _ := os.ReadFile(filepath.Join(folder, "log"))
			return nil, fmt.Errorf("weft-control ended at its start:\n%s", said)
		case <-deadline:
			c.kill()
			return nil, fmt.Errorf("weft-control does not listen")
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (c *control) kill() {
	_ = c.command.Process.Kill()
	<-c.dead
}
