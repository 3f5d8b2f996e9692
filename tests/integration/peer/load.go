package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// load sends at a fixed rate, open loop, and prints one JSON line per answer in the order they came.
func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	url := flags.String("url", "", "where")
	rate := flags.Float64("rate", 100, "requests per second")
	seconds := flags.Float64("seconds", 5, "how long")
	method := flags.String("method", "GET", "method; POST sends a small body and a nonce")
	patience := flags.Duration("patience", 20*time.Second, "how long it waits for an answer")
	flags.Parse(args)
	client := &http.Client{Timeout: *patience, Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxIdleConns: 256}}
	out := bufio.NewWriter(os.Stdout)
	var mu sync.Mutex
	var wait sync.WaitGroup
	begin := time.Now()
	total := int(*rate * *seconds)
	for i := range total {
		due := begin.Add(time.Duration(float64(i) / *rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		wait.Add(1)
		go func() {
			defer wait.Done()
			row := oneLoad(client, *method, *url, i)
			mu.Lock()
			json.NewEncoder(out).Encode(row)
			mu.Unlock()
		}()
	}
	wait.Wait()
	return out.Flush()
}

type loadRow struct {
	At       float64 `json:"at"` // seconds since the epoch, when it was sent
	Ms       float64 `json:"ms"`
	Status   int     `json:"status"`
	Reason   string  `json:"reason,omitempty"`
	ID       string  `json:"id,omitempty"`
	Instance string  `json:"instance,omitempty"`
	Error    string  `json:"error,omitempty"`
}

func oneLoad(client *http.Client, method, url string, number int) loadRow {
	var body io.Reader
	if method == "POST" {
		body = strings.NewReader("hello")
	}
	row := loadRow{At: float64(time.Now().UnixNano()) / 1e9}
	began := time.Now()
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		row.Error = err.Error()
		return row
	}
	row.ID = "load-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.Itoa(number)
	request.Header.Set("x-request-id", row.ID)
	request.Header.Set("x-nonce", "load-"+time.Now().Format("150405.000000")+"-"+strings.Repeat("x", number%3))
	response, err := client.Do(request)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		row.Status = response.StatusCode
		row.Reason = response.Header.Get("x-weft-reason")
		row.Instance = response.Header.Get("x-instance")
	}
	if err != nil {
		row.Error = err.Error()
	}
	row.Ms = float64(time.Since(began).Microseconds()) / 1000
	return row
}
