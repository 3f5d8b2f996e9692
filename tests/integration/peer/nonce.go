package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// nonce sends requests over C connections and checks that each answer is its own: nonce in header and body, and the
// name of the instance the same in both. Some clients give up half-way. Prints totals as JSON.
func nonce(args []string) error {
	flags := flag.NewFlagSet("nonce", flag.ExitOnError)
	url := flags.String("url", "", "where")
	total := flags.Int64("n", 1000, "answers to collect")
	clients := flags.Int("c", 64, "connections")
	abort := flags.Float64("abort", 0.02, "share of requests given up early")
	ids := flags.String("ids", "", "file for 'request-id instance' lines")
	flags.Parse(args)
	var good, bad, aborted, sent atomic.Int64
	var wait sync.WaitGroup
	var mu sync.Mutex
	var lines strings.Builder
	perInstance := map[string]int{}
	for c := range *clients {
		wait.Add(1)
		go func() {
			defer wait.Done()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, MaxConnsPerHost: 1, DisableCompression: true}}
			random := rand.New(rand.NewSource(int64(c)))
			for good.Load()+bad.Load() < *total {
				mark := fmt.Sprintf("%d-%d", c, sent.Add(1))
				ctx, cancel := context.WithCancel(context.Background())
				if random.Float64() < *abort {
					time.AfterFunc(time.Duration(random.Intn(3000))*time.Microsecond, cancel)
				}
				instance, id, err := oneNonce(ctx, client, *url, mark)
				switch {
				case ctx.Err() != nil:
					aborted.Add(1)
				case err != nil:
					bad.Add(1)
					fmt.Fprintln(os.Stderr, err)
				default:
					good.Add(1)
					mu.Lock()
					perInstance[instance]++
					if *ids != "" && len(id) > 0 {
						fmt.Fprintf(&lines, "%s %s\n", id, instance)
					}
					mu.Unlock()
				}
				cancel()
			}
		}()
	}
	wait.Wait()
	if *ids != "" {
		os.WriteFile(*ids, []byte(lines.String()), 0o644)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"good": good.Load(), "bad": bad.Load(), "aborted": aborted.Load(),
		"instances": perInstance})
	if bad.Load() > 0 {
		return fmt.Errorf("%d answers were wrong", bad.Load())
	}
	return nil
}

func oneNonce(ctx context.Context, client *http.Client, url, mark string) (instance, id string, err error) {
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return "", "", err
	}
	id = "nonce-" + mark
	request.Header.Set("x-nonce", mark)
	request.Header.Set("x-request-id", id)
	response, err := client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", "", err
	}
	instance = response.Header.Get("x-instance")
	if response.StatusCode != 200 || response.Header.Get("x-nonce") != mark || string(body) != instance+" "+mark+"\n" {
		return "", "", fmt.Errorf("nonce %s: status %d reason %q nonce %q body %.60q", mark, response.StatusCode,
			response.Header.Get("x-weft-reason"), response.Header.Get("x-nonce"), body)
	}
	return instance, id, nil
}
