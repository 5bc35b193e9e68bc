//go:build !linux

package process

import "syscall"

// Only Linux can do this: elsewhere the children of a killed test live on.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
