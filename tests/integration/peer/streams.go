package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// streams downloads on n streams of one HTTP/2 connection, then goes on with the first one not reading any more, and says how fast the
// others were before and after.
func streams(args []string) error {
	flags := flag.NewFlagSet("streams", flag.ExitOnError)
	url := flags.String("url", "", "of a body that lasts")
	n := flags.Int("n", 100, "streams")
	seconds := flags.Float64("seconds", 2, "each of the two parts")
	flags.Parse(args)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	read := make([]atomic.Int64, *n)
	stalled := make(chan struct{})
	failed := make(chan error, *n)
	for i := range *n {
		go func() {
			answer, err := client.Get(*url)
			if err != nil {
				failed <- err
				return
			}
			piece := make([]byte, 16<<10)
			for {
				if i == 0 {
					select {
					case <-stalled:
						select {} // it stops here, for good
					default:
					}
				}
				size, err := answer.Body.Read(piece)
				read[i].Add(int64(size))
				if err != nil {
					failed <- fmt.Errorf("stream %d: %w", i, err)
					return
				}
			}
		}()
	}
	waits := func(since []int64) bool { // whether one of the others has read nothing since
		for i := 1; i < *n; i++ {
			if read[i].Load() == since[i] {
				return true
			}
		}
		return false
	}
	now := func() (all []int64, others int64) {
		all = make([]int64, *n)
		for i := range *n {
			all[i] = read[i].Load()
			others += all[i]
		}
		return all, others - all[0]
	}
	part := func() float64 {
		_, before := now()
		began := time.Now()
		time.Sleep(time.Duration(*seconds * float64(time.Second)))
		_, after := now()
		return float64(after-before) / time.Since(began).Seconds()
	}
	all := make([]int64, *n)
	for waits(all) && len(failed) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	before := part()
	close(stalled)
	for last := int64(-1); last != read[0].Load(); time.Sleep(100 * time.Millisecond) {
		last = read[0].Load()
	}
	all, _ = now()
	after := part()
	for waits(all) && len(failed) == 0 { // each goes on
		time.Sleep(10 * time.Millisecond)
	}
	if len(failed) > 0 {
		return <-failed
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"before": before, "after": after})
}
