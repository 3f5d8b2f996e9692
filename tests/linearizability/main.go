// Records what concurrent users of the control plane's API are answered, across kills of it, and has porcupine judge
// whether there is one order of all calls that explains every answer. Then changes the record in ways that no honest
// registry could have answered: each must be refused, else the check proves nothing.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

var (
	program = flag.String("control", "build/release/bin/weft-control", "the weft-control to judge")
	kills   = flag.Int("kills", 10, "how often it is killed")
	users   = flag.Int("users", 6, "concurrent users")
	seed    = flag.Uint64("seed", 1, "of the users' choices and the moments of the kills")
	picture = flag.String("picture", "", "HTML file for the history that was refused; empty: none")
)

const patience = 120 * time.Second // for one judgement

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	folder, err := os.MkdirTemp("", "weft-linearizability-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	history, err := record(folder)
	if err != nil {
		return err
	}
	began := time.Now()
	if result, info := porcupine.CheckOperationsVerbose(model(), history, patience); result != porcupine.Ok {
		if *picture != "" {
			_ = porcupine.VisualizePath(model(), info, *picture)
		}
		return fmt.Errorf("the history of %d calls is not linearizable (%s); seed %d; -picture FILE draws it", len(history), result, *seed)
	}
	fmt.Printf("%s: linearizable, judged in %.1f s\n", describe(history), time.Since(began).Seconds())
	return refuseMutants(history)
}

func record(folder string) ([]porcupine.Operation, error) {
	moments := rand.New(rand.NewPCG(*seed, 0))
	var history []porcupine.Operation
	for round := 0; round <= *kills; round++ {
		control, err := start(*program, folder)
		if err != nil {
			return nil, err
		}
		calls := int64(40 + moments.IntN(160))
		part, err := play(control, round, calls)
		if err != nil {
			return nil, err
		}
		history = append(history, part...)
	}
	sort.SliceStable(history, func(i, j int) bool { return history[i].Call < history[j].Call })
	return history, nil
}

// Everybody at once until so many calls were answered; then it is killed under them.
func play(control *control, round int, calls int64) ([]porcupine.Operation, error) {
	clients := make([]*client, *users)
	for i := range clients {
		clients[i] = newClient(round**users+i, control.base, *seed)
	}
	if _, err := clients[0].do(input{verb: list}); err != nil { // alone: what the kill before left
		control.kill()
		return nil, err
	}
	var done atomic.Int64
	var once, all sync.WaitGroup
	once.Add(1)
	enough := sync.OnceFunc(once.Done)
	failures := make([]error, len(clients))
	for i, each := range clients {
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				answered, err := each.do(each.any())
				if err != nil {
					failures[i] = err
				}
				if !answered {
					enough()
					return
				}
				if done.Add(1) >= calls {
					enough()
				}
			}
		}()
	}
	once.Wait()
	control.kill()
	all.Wait()
	var history []porcupine.Operation
	for i, each := range clients {
		if failures[i] != nil {
			return nil, failures[i]
		}
		history = append(history, each.history...)
	}
	return history, nil
}

func describe(history []porcupine.Operation) string {
	counts := map[string]int{}
	for _, operation := range history {
		switch out := operation.Output.(output); {
		case out.unknown:
			counts["lost"]++
		case out.status == 412:
			counts["refused"]++
		case out.status == 200 && operation.Input.(input).verb <= remove:
			counts["written"]++
		}
	}
	return fmt.Sprintf("%d calls of %d users over %d kills (%d written, %d refused by their condition, %d answers lost)",
		len(history), *users, *kills, counts["written"], counts["refused"], counts["lost"])
}

func refuseMutants(history []porcupine.Operation) error {
	for _, mutation := range mutations {
		changed, at := mutation.make(history)
		if at < 0 {
			return fmt.Errorf("the history has no place for: %s", mutation.name)
		}
		if result := porcupine.CheckOperationsTimeout(model(), changed, patience); result != porcupine.Illegal {
			return fmt.Errorf("%s (call %d) was not refused: %s", mutation.name, at, result)
		}
		fmt.Printf("refused: %s\n", mutation.name)
	}
	return nil
}
