package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

var (
	epoch  = time.Now() // histories count from here, on the monotonic clock
	values atomic.Int64 // written ones are all different, but for those written again on purpose
	names  = [keyCount]string{"k0", "k1", "k2", "k3"}
)

// One user: calls, one after the other, and what came of them.
type client struct {
	id      int
	base    string
	random  *rand.Rand
	http    *http.Client
	history []porcupine.Operation
	seen    [keyCount]held // what it last heard of each key, for conditions
}

func newClient(id int, base string, seed uint64) *client {
	// Without kept connections, because Go repeats a request by itself when a kept one breaks.
	transport := &http.Transport{DisableKeepAlives: true}
	return &client{id: id, base: base, random: rand.New(rand.NewPCG(seed, uint64(id))),
		http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// False: the answer was lost.
func (c *client) do(in input) (bool, error) {
	called := time.Since(epoch).Nanoseconds()
	out, err := c.send(in)
	if err != nil {
		return false, err
	}
	c.remember(in, out)
	c.history = append(c.history, porcupine.Operation{ClientId: c.id, Input: in, Call: called, Output: out,
		Return: time.Since(epoch).Nanoseconds()})
	return !out.unknown, nil
}

func (c *client) remember(in input, out output) {
	switch {
	case in.verb == get && !out.unknown:
		c.seen[in.keys[0]] = out.held
	case in.verb == list && !out.unknown:
		c.seen = out.all
	case in.verb == put && out.status == 200:
		c.seen[in.keys[0]] = held{out.revision, in.values[0]}
	}
}

func (c *client) any() input {
	key := c.random.IntN(keyCount)
	switch n := c.random.IntN(100); {
	case n < 40:
		return c.conditional(input{verb: put, keys: []int{key}, values: []int{c.value(key)}})
	case n < 55:
		other := (key + 1 + c.random.IntN(keyCount-1)) % keyCount
		return input{verb: apply, keys: []int{key, other}, values: []int{c.value(key), c.value(other)}}
	case n < 65:
		return c.conditional(input{verb: remove, keys: []int{key}})
	case n < 90:
		return input{verb: get, keys: []int{key}}
	}
	return input{verb: list}
}

func (c *client) value(key int) int {
	if c.random.IntN(10) == 0 && c.seen[key].etag != 0 {
		return c.seen[key].value
	}
	return int(values.Add(1))
}

func (c *client) conditional(in input) input {
	switch n := c.random.IntN(3); {
	case n == 0 && c.seen[in.keys[0]].etag != 0:
		in.ifMatch = c.seen[in.keys[0]].etag
	case n == 1 && in.verb == put:
		in.ifNone = true
	}
	return in
}

func document(key, value int) string {
	return fmt.Sprintf(`{"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": %q, "labels": {"v": "%d"}}, `+
		`"spec": {"ports": [{"name": "http", "port": 80}]}}`, names[key], value)
}

func (c *client) request(in input) (*http.Request, error) {
	one := c.base + "resources/meshservices/default/"
	switch in.verb {
	case put:
		return http.NewRequest("PUT", one+names[in.keys[0]], strings.NewReader(document(in.keys[0], in.values[0])))
	case remove:
		return http.NewRequest("DELETE", one+names[in.keys[0]], nil)
	case apply:
		text := document(in.keys[0], in.values[0]) + "\n---\n" + document(in.keys[1], in.values[1])
		return http.NewRequest("POST", c.base+"apply", strings.NewReader(text))
	case get:
		return http.NewRequest("GET", one+names[in.keys[0]], nil)
	}
	return http.NewRequest("GET", c.base+"resources/meshservices", nil)
}

// What a document says of itself.
type said struct {
	Metadata struct {
		Name            string
		ResourceVersion string
		Labels          map[string]string
	}
}

func (s said) held() (held, error) {
	etag, err := strconv.ParseUint(s.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return held{}, err
	}
	value, err := strconv.Atoi(s.Metadata.Labels["v"])
	return held{etag, value}, err
}

func (c *client) send(in input) (output, error) {
	request, err := c.request(in)
	if err != nil {
		return output{}, err
	}
	if in.ifMatch != 0 {
		request.Header.Set("If-Match", fmt.Sprintf(`"%d"`, in.ifMatch))
	}
	if in.ifNone {
		request.Header.Set("If-None-Match", "*")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return output{unknown: true}, nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return output{unknown: true}, nil
	}
	return parse(in, answer, body)
}

func parse(in input, answer *http.Response, body []byte) (output, error) {
	out := output{status: answer.StatusCode}
	if out.status != 200 {
		if out.status != 404 && out.status != 409 && out.status != 412 {
			return out, fmt.Errorf("%s: %d %s", in, out.status, body)
		}
		return out, nil
	}
	if in.verb == get {
		var one said
		if err := json.Unmarshal(body, &one); err != nil {
			return out, fmt.Errorf("%s: %w", body, err)
		}
		var err error
		out.held, err = one.held()
		return out, err
	}
	var many struct {
		Revision uint64
		Items    []said
	}
	if err := json.Unmarshal(body, &many); err != nil {
		return out, fmt.Errorf("%s: %w", body, err)
	}
	out.revision = many.Revision
	for _, item := range many.Items {
		for key, name := range names {
			if name != item.Metadata.Name {
				continue
			}
			var err error
			if out.all[key], err = item.held(); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}
