package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A backend. Its behaviour is set by GET /control?mode=…, sent to it directly, not through the mesh:
// ok, status (with code=, percent=), hang, reset, truncate, malformed, crawl, slow (with ms=). With calls= (URLs, separated by commas) it
// calls these for each answer, and answers 500 when one fails.
type backend struct {
	name     string
	mu       sync.Mutex
	mode     string
	code     int
	percent  int
	delay    time.Duration
	calls    []string
	requests atomic.Int64 // requests whose handler began, /control aside
	faults   atomic.Int64 // of them, those that were answered as the mode asks instead of properly
	posts    sync.Map     // nonce -> times seen
	open     atomic.Int64 // connections now
	most     atomic.Int64 // connections at once, ever
}

func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	name := flags.String("name", "peer", "sent back as x-instance")
	flags.Parse(args)
	b := &backend{name: *name, mode: "ok"}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().String())
	os.Stdout.Sync()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: b, ConnState: b.count, Protocols: protocols}
	return server.Serve(listener)
}

func (b *backend) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		now := b.open.Add(1)
		for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
		}
	case http.StateClosed, http.StateHijacked:
		b.open.Add(-1)
	}
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/control":
		b.control(w, r)
		return
	case "/stats":
		b.stats(w)
		return
	}
	b.requests.Add(1)
	w.Header().Set("x-instance", b.name)
	if nonce := r.Header.Get("x-nonce"); nonce != "" {
		w.Header().Set("x-nonce", nonce)
		if r.Method == http.MethodPost {
			seen, _ := b.posts.LoadOrStore(nonce, new(atomic.Int64))
			seen.(*atomic.Int64).Add(1)
		}
	}
	if b.misbehave(w, r) {
		b.faults.Add(1)
		return
	}
	switch r.URL.Path {
	case "/bytes":
		sendBytes(w, r)
	case "/hash":
		receiveBytes(w, r)
	case "/headers":
		json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "host": r.Host, "headers": r.Header})
	default:
		io.Copy(io.Discard, r.Body)
		if !b.call() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%s %s\n", b.name, r.Header.Get("x-nonce"))
	}
}

func (b *backend) control(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mode = query.Get("mode")
	b.code, _ = strconv.Atoi(query.Get("code"))
	b.percent, _ = strconv.Atoi(query.Get("percent"))
	ms, _ := strconv.Atoi(query.Get("ms"))
	b.delay = time.Duration(ms) * time.Millisecond
	if calls := query.Get("calls"); calls != "" {
		b.calls = strings.Split(calls, ",")
	}
	fmt.Fprintln(w, b.mode)
}

// call asks everyone below; false: one of them failed.
func (b *backend) call() bool {
	b.mu.Lock()
	calls := b.calls
	b.mu.Unlock()
	for _, url := range calls {
		answer, err := http.Get(url)
		if err != nil {
			return false
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode >= 500 {
			return false
		}
	}
	return true
}

func (b *backend) stats(w http.ResponseWriter) {
	twice := 0
	b.posts.Range(func(_, value any) bool {
		if value.(*atomic.Int64).Load() > 1 {
			twice++
		}
		return true
	})
	json.NewEncoder(w).Encode(map[string]any{"name": b.name, "requests": b.requests.Load(), "faults": b.faults.Load(), "posts_twice": twice,
		"connections": b.open.Load(), "most_connections": b.most.Load()})
}

// misbehave does what the mode asks; true when the answer was given or the connection is gone.
func (b *backend) misbehave(w http.ResponseWriter, r *http.Request) bool {
	b.mu.Lock()
	mode, code, percent, delay := b.mode, b.code, b.percent, b.delay
	b.mu.Unlock()
	switch mode {
	case "status":
		if percent == 0 || rand.Intn(100) < percent {
			w.WriteHeader(code)
			return true
		}
	case "hang":
		select {
		case <-r.Context().Done():
		case <-time.After(30 * time.Second):
		}
		return true
	case "reset":
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			connection.(*net.TCPConn).SetLinger(0)
			connection.Close()
		}
		return true
	case "truncate":
		b.raw(w, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it")
		return true
	case "malformed":
		b.raw(w, "HTTP/1.1 2OO fine\r\n\r\n")
		return true
	case "crawl": // a head that never ends: one byte every 100 ms
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return true
		}
		defer connection.Close()
		for _, c := range []byte("HTTP/1.1 200 OK\r\nx-filler: " + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") {
			if _, err := connection.Write([]byte{c}); err != nil {
				return true
			}
			time.Sleep(100 * time.Millisecond)
		}
		return true
	case "slow":
		time.Sleep(delay)
	}
	return false
}

// raw sends these bytes and closes the connection.
func (b *backend) raw(w http.ResponseWriter, text string) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		io.WriteString(connection, text)
		connection.Close()
	}
}

// pattern is the body both sides can make and check: cheap, never the same twice. After its first MiB all but one of
// sixteen blocks are zero, at a place that wanders, so that a file of a GiB takes 65 MiB of a disk.
type pattern struct{ at int64 }

const patternBlock = 4096

func zeroBlock(block int64) bool { return block >= 256 && (block*7+block/16)%16 != 0 }

func (p *pattern) Read(into []byte) (int, error) {
	for i := 0; i < len(into); {
		piece := into[i:min(len(into), i+int(patternBlock-p.at%patternBlock))]
		i += len(piece)
		if zeroBlock(p.at / patternBlock) {
			clear(piece)
			p.at += int64(len(piece))
			continue
		}
		for k := range piece {
			piece[k] = byte((p.at*2654435761 + p.at>>7) >> 3)
			p.at++
		}
	}
	return len(into), nil
}

func sendBytes(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	if r.URL.Query().Get("chunked") == "" {
		w.Header().Set("content-length", strconv.FormatInt(n, 10))
	} else {
		w.Header().Set("trailer", "x-sum")
	}
	hash := sha256.New()
	io.CopyBuffer(io.MultiWriter(w, hash), io.LimitReader(&pattern{}, n), make([]byte, 1<<16))
	if r.URL.Query().Get("chunked") != "" {
		w.Header().Set("x-sum", hex.EncodeToString(hash.Sum(nil)))
	}
}

func receiveBytes(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	n, err := io.Copy(hash, r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d %x", n, hash.Sum(nil))
}
