// Command peer is the other side in integration tests: servers and clients on Go's own HTTP implementation, which
// shares no code with the mesh.
//
//	peer serve  -listen ADDR -name NAME     a backend with misbehaviour on request (serve.go)
//	peer nonce  -url URL -n N -c C          each answer must carry its own request's nonce (nonce.go)
//	peer bytes  -url URL                    bodies of many sizes, both directions, compared by hash (bytes.go)
//	peer pattern -n N -file PATH            the bytes that they are made of
//	peer read   FILE                        the requests that net/http finds in byte streams (read.go)
//	peer load   -url URL -rate R -seconds S open loop, one JSON line per answer (load.go)
//	peer streams -url URL -n N              downloads on one HTTP/2 connection, one of which stops reading (streams.go)
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"serve": serve, "nonce": nonce, "bytes": bytesCommand, "pattern": patternCommand, "load": load, "read": read, "streams": streams}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peer serve|nonce|bytes|pattern|load|read|streams [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}
