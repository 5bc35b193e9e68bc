// Package pty makes pseudo terminals: what a program draws on and asks at, in a
// test instead of a person.
package pty

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Open returns both ends: what the person sees and types, and what is the program's
// terminal. It is 80 characters wide and 24 lines high. The caller closes both.
func Open() (person, program *os.File, err error) {
	person, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	program, err = open(person)
	if err != nil {
		_ = person.Close()
		return nil, nil, err
	}
	return person, program, nil
}

func open(person *os.File) (*os.File, error) {
	fd := int(person.Fd())
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("the number of a pseudo terminal: %w", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlocking a pseudo terminal: %w", err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: 80, Row: 24}); err != nil {
		return nil, fmt.Errorf("the size of a pseudo terminal: %w", err)
	}
	return os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
}

// Modes of a terminal, such as whether it echoes.
func Modes(terminal *os.File) (unix.Termios, error) {
	modes, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		return unix.Termios{}, fmt.Errorf("a terminal's modes: %w", err)
	}
	return *modes, nil
}
