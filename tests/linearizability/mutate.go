package main

import "github.com/anishathalye/porcupine"

// Histories of a registry that lies: each is a real one with one thing changed, and must be refused. The index is where the
// change was made; negative: the history has nothing of the kind.

type mutation struct {
	name string
	make func(history []porcupine.Operation) ([]porcupine.Operation, int)
}

var mutations = []mutation{
	{"an acknowledged write that never happened", removeWrite},
	{"a kill that loses the last acknowledged write", loseLast},
	{"a read of what was overwritten before it began", staleRead},
	{"a transaction of which a reader sees half", tornApply},
	{"a revision given twice", revisionTwice},
	{"an If-None-Match: * that overwrites", blindCreate},
	{"a stale If-Match that overwrites", staleMatch},
}

func clone(history []porcupine.Operation) []porcupine.Operation {
	return append([]porcupine.Operation(nil), history...)
}

func effective(operation porcupine.Operation) bool {
	in, out := operation.Input.(input), operation.Output.(output)
	return in.verb <= remove && out.status == 200
}

func removeWrite(history []porcupine.Operation) ([]porcupine.Operation, int) {
	raised := risers(history)
	if len(raised) < 3 {
		return nil, -1
	}
	at := raised[len(raised)/2]
	return append(clone(history[:at]), history[at+1:]...), at
}

// Acknowledged writes that made a revision that no other call was given.
func risers(history []porcupine.Operation) []int {
	times := map[uint64]int{}
	for _, operation := range history {
		if effective(operation) {
			times[operation.Output.(output).revision]++
		}
	}
	var found []int
	for i, operation := range history {
		if effective(operation) && times[operation.Output.(output).revision] == 1 && operation.Input.(input).verb != put {
			found = append(found, i)
		}
	}
	return found
}

// All up to some acknowledged write, then a reader who comes after and finds the state before it.
func loseLast(history []porcupine.Operation) ([]porcupine.Operation, int) {
	for i, operation := range history {
		out := operation.Output.(output)
		if operation.Input.(input).verb != list || out.unknown || i < len(history)/2 {
			continue
		}
		for j := i + 1; j < len(history); j++ {
			later := history[j]
			if !effective(later) || later.Call < operation.Return || later.Output.(output).revision <= out.revision {
				continue
			}
			changed := clone(history[:j+1])
			end := int64(0)
			for _, each := range changed {
				end = max(end, each.Return)
			}
			return append(changed, porcupine.Operation{ClientId: 1000, Input: input{verb: list}, Call: end + 1, Output: out, Return: end + 2}), j
		}
	}
	return nil, -1
}

func staleRead(history []porcupine.Operation) ([]porcupine.Operation, int) {
	for i, operation := range history {
		in, out := operation.Input.(input), operation.Output.(output)
		if in.verb != get || out.status != 200 {
			continue
		}
		for j := i + 1; j < len(history); j++ {
			later := history[j].Output.(output)
			same := history[j].Input.(input).verb == get && history[j].Input.(input).keys[0] == in.keys[0] && later.status == 200
			if !same || later.held == out.held || history[j].Call < operation.Return || !overwritten(history, out.held.etag, j) {
				continue
			}
			changed := clone(history)
			later.held = out.held
			changed[j].Output = later
			return changed, j
		}
	}
	return nil, -1
}

// A write to the key of this read that was acknowledged before the read began, and came after that etag.
func overwritten(history []porcupine.Operation, etag uint64, read int) bool {
	for _, operation := range history {
		in, out := operation.Input.(input), operation.Output.(output)
		if in.verb == put && out.status == 200 && out.revision > etag && in.keys[0] == history[read].Input.(input).keys[0] &&
			operation.Return < history[read].Call {
			return true
		}
	}
	return false
}

func tornApply(history []porcupine.Operation) ([]porcupine.Operation, int) {
	for i, operation := range history {
		out := operation.Output.(output)
		if operation.Input.(input).verb != list || out.unknown {
			continue
		}
		for key, one := range out.all {
			for _, two := range out.all[key+1:] {
				if one.etag == 0 || one.etag != two.etag {
					continue
				}
				changed := clone(history)
				out.all[key] = held{one.etag - 1, one.value + 1_000_000}
				changed[i].Output = out
				return changed, i
			}
		}
	}
	return nil, -1
}

func revisionTwice(history []porcupine.Operation) ([]porcupine.Operation, int) {
	raised := risers(history)
	if len(raised) < 2 {
		return nil, -1
	}
	at := raised[len(raised)-1]
	changed := clone(history)
	out := changed[at].Output.(output)
	out.revision--
	changed[at].Output = out
	return changed, at
}

func blindCreate(history []porcupine.Operation) ([]porcupine.Operation, int) {
	for i, operation := range history {
		in, out := operation.Input.(input), operation.Output.(output)
		if in.verb != put || in.ifMatch == 0 || out.status != 200 {
			continue
		}
		changed := clone(history)
		in.ifNone, in.ifMatch = true, 0
		changed[i].Input = in
		return changed, i
	}
	return nil, -1
}

func staleMatch(history []porcupine.Operation) ([]porcupine.Operation, int) {
	for i, operation := range history {
		in, out := operation.Input.(input), operation.Output.(output)
		if in.verb != put || in.ifMatch < 2 || out.status != 200 {
			continue
		}
		changed := clone(history)
		in.ifMatch--
		changed[i].Input = in
		return changed, i
	}
	return nil, -1
}
