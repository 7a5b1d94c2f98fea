//go:build tools

// Package tools pins the programs that the conformance suite builds: see support/go-tools.ts.
package tools

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
