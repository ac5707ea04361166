//go:build programs

package main

// The network functions that lab/go.sh builds out of this module, so that go.mod and go.sum hold them.
import (
	_ "github.com/free5gc/pcf"
	_ "github.com/free5gc/smf"
)
