// probe is the one program of the images that the cluster itself needs: the pause container, and the server and client
// of the tests.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const usage = `usage: probe COMMAND
  pause                      sleep until told to end, reaping orphans
  serve ADDR                 say who answers; /ready fails while /tmp/unready exists; ends at once on SIGTERM
  get URL                    print the answer; exit 1 unless it is 200
  load URL RATE SECONDS      that many requests a second over kept connections, until the time is over or /tmp/stop is there; prints
                             totals, failures and answers as JSON
  touch FILE
  remove FILE`

func main() {
	if len(os.Args) < 2 {
		log.Fatal(usage)
	}
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	commands := map[string]func([]string) error{
		"pause": pause, "serve": serve, "get": get, "load": load, "touch": touch, "remove": remove,
	}
	command, ok := commands[os.Args[1]]
	if !ok {
		log.Fatal(usage)
	}
	if err := command(os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func pause([]string) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	orphans := make(chan os.Signal, 1)
	signal.Notify(orphans, syscall.SIGCHLD)
	for {
		select {
		case <-ended:
			return nil
		case <-orphans:
			for {
				if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
					break
				}
			}
		}
	}
}

func touch(args []string) error { return os.WriteFile(args[0], nil, 0o644) }

func remove(args []string) error { return os.Remove(args[0]) }

func serve(args []string) error {
	host, _ := os.Hostname()
	http.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat("/tmp/unready"); err == nil {
			http.Error(w, "unready", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "pod=%s version=%s from=%s attempt=%s\n", host, os.Getenv("VERSION"), r.RemoteAddr, r.Header.Get("X-Weft-Attempt"))
	})
	log.Printf("%s serves on %s", host, args[0])
	return http.ListenAndServe(args[0], nil)
}

func get(args []string) error {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(args[0])
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(os.Stdout, answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s", answer.Status, answer.Header.Get("X-Weft-Reason"))
	}
	return nil
}

// Totals are what came of all requests.
type totals struct {
	sync.Mutex
	Requests int              `json:"requests"`
	Good     int              `json:"good"`
	Failures map[string]int   `json:"failures"`
	Pods     map[string]int   `json:"pods"`
	LastMs   map[string]int64 `json:"last_ms"` // when the last request that a pod answered began
	SlowMs   int64            `json:"slow_ms"`
}

func (t *totals) add(outcome, pod string, began time.Time) {
	took := time.Since(began)
	t.Lock()
	defer t.Unlock()
	t.Requests++
	if outcome == "" {
		t.Good++
		t.Pods[pod]++
		t.LastMs[pod] = max(t.LastMs[pod], began.UnixMilli())
	} else {
		t.Failures[outcome]++
		log.Printf("after %d ms: %s", took.Milliseconds(), outcome)
	}
	t.SlowMs = max(t.SlowMs, took.Milliseconds())
}

func stopped() bool {
	_, err := os.Stat("/tmp/stop")
	return err == nil
}

// Open loop: each request begins at its time, however long others take.
func load(args []string) error {
	rate, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
	client := http.Client{Timeout: 15 * time.Second, Transport: transport}
	all := totals{Failures: map[string]int{}, Pods: map[string]int{}, LastMs: map[string]int64{}}
	var running sync.WaitGroup
	start := time.Now()
	for i := 0; i < rate*seconds && !stopped(); i++ {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		running.Add(1)
		go func() {
			defer running.Done()
			one(&client, args[0], &all)
		}()
	}
	running.Wait()
	return json.NewEncoder(os.Stdout).Encode(&all)
}

func one(client *http.Client, url string, all *totals) {
	began := time.Now()
	answer, err := client.Get(url)
	if err != nil {
		all.add(err.Error(), "", began)
		return
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	pod := ""
	fmt.Sscanf(string(body), "pod=%s", &pod)
	switch {
	case err != nil:
		all.add(err.Error(), "", began)
	case answer.StatusCode != http.StatusOK:
		all.add(fmt.Sprintf("%s %s", answer.Status, answer.Header.Get("X-Weft-Reason")), "", began)
	default:
		all.add("", pod, began)
	}
}
