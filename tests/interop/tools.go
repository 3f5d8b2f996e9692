//go:build tools

// Programs of others that the tests of HTTP/2 and gRPC run, pinned by go.mod.
package interop

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
