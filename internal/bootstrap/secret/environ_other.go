//go:build !linux

package secret

func eraseEnviron(string) {}
