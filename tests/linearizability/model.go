package main

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// The registry of a few services as one object: a revision that each effective write raises by one, and for each key what
// it holds and the revision of its last change, which is its ETag. State is comparable, so that the checker can hold sets.

const keyCount = 4

type held struct {
	etag  uint64 // zero: not there
	value int
}

type state struct {
	revision uint64
	keys     [keyCount]held
}

type verb int

const (
	put verb = iota
	apply
	remove
	get
	list
)

// One call. The writes of an apply are several, those of a put or remove one.
type input struct {
	verb    verb
	keys    []int
	values  []int
	ifMatch uint64 // zero: no condition
	ifNone  bool
}

// What came back. A call whose answer was lost has neither status nor content.
type output struct {
	unknown  bool
	status   int
	revision uint64 // of put, apply, remove, list
	held     held   // of get
	all      [keyCount]held
}

// The state after a write that was let through, and the status that tells so.
func (in input) effect(s state) (state, int) {
	if status := in.refusal(s); status != 0 {
		return s, status
	}
	next := s
	next.revision++
	changed := false
	for i, key := range in.keys {
		switch {
		case in.verb == remove:
			next.keys[key], changed = held{}, true
		case s.keys[key].etag == 0 || s.keys[key].value != in.values[i]:
			next.keys[key], changed = held{next.revision, in.values[i]}, true
		}
	}
	if !changed {
		return s, 200
	}
	return next, 200
}

func (in input) refusal(s state) int {
	now := s.keys[in.keys[0]]
	switch {
	case in.verb == remove && now.etag == 0:
		return 404
	case in.ifNone && now.etag != 0, in.ifMatch != 0 && now.etag != in.ifMatch:
		return 412
	}
	return 0
}

func read(s state, in input, out output) bool {
	if in.verb == list {
		return out.status == 200 && out.revision == s.revision && out.all == s.keys
	}
	now := s.keys[in.keys[0]]
	if now.etag == 0 {
		return out.status == 404
	}
	return out.status == 200 && out.held == now
}

// Every state that may follow; none: this cannot have happened here.
func step(s state, in input, out output) []any {
	if in.verb == get || in.verb == list {
		if out.unknown || read(s, in, out) {
			return []any{s}
		}
		return nil
	}
	next, status := in.effect(s)
	switch {
	case out.unknown && next != s: // its process was killed: it was done before that, or never will be
		return []any{s, next}
	case out.unknown, out.status == 409: // lost the race for a revision: nothing was done
		return []any{s}
	case out.status != status, status == 200 && out.revision != next.revision:
		return nil
	}
	return []any{next}
}

func model() porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{}} },
		Step: func(s, in, out any) []any { return step(s.(state), in.(input), out.(output)) },
		DescribeOperation: func(in, out any) string {
			return fmt.Sprintf("%s -> %s", in.(input), out.(output))
		},
		DescribeState: func(s any) string { return fmt.Sprintf("%+v", s) },
	}
	return nondeterministic.ToModel()
}

func (in input) String() string {
	name := [...]string{"put", "apply", "remove", "get", "list"}[in.verb]
	return fmt.Sprintf("%s keys=%v values=%v if-match=%d if-none=%v", name, in.keys, in.values, in.ifMatch, in.ifNone)
}

func (out output) String() string {
	if out.unknown {
		return "lost"
	}
	return fmt.Sprintf("%d revision=%d held=%v all=%v", out.status, out.revision, out.held, out.all)
}
