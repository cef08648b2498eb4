package vm

import "time"

// GuestStatus is what a VM's guest says of itself through its agent. It is the guest's word and nothing more: whoever
// owns the guest can have it say anything. What it did not say is absent.
type GuestStatus struct {
	Seen        time.Time         `json:"seen"`            // when it said so
	Answers     bool              `json:"answers"`         // it still has its agent's port open
	Agent       string            `json:"agent,omitempty"` // the agent's version
	Hostname    string            `json:"hostname,omitempty"`
	OS          *GuestOS          `json:"os,omitempty"`
	Addresses   []string          `json:"addresses,omitempty"` // of its interfaces, in their order, but those of loopback and of one link
	Interfaces  []GuestInterface  `json:"interfaces,omitempty"`
	Filesystems []GuestFilesystem `json:"filesystems,omitempty"`
	Users       []string          `json:"users,omitempty"`  // who is logged in
	Frozen      bool              `json:"frozen,omitempty"` // its file systems take no writes
	Lacks       []string          `json:"lacks,omitempty"`  // what this agent does not do, or is not allowed to
}

// GuestOS is a guest's operating system.
type GuestOS struct {
	ID      string `json:"id,omitempty"` // debian, mswindows
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Kernel  string `json:"kernel,omitempty"`
}

// GuestInterface is a network interface as the guest has it.
type GuestInterface struct {
	Name      string   `json:"name"`
	MAC       string   `json:"mac,omitempty"`
	Addresses []string `json:"addresses,omitempty"` // with their prefix: 10.0.2.15/24
}

// GuestFilesystem is a mounted file system.
type GuestFilesystem struct {
	Mountpoint string `json:"mountpoint"`
	Type       string `json:"type"`
	Device     string `json:"device,omitempty"`
	Used       int64  `json:"used,omitempty"` // bytes
	Total      int64  `json:"total,omitempty"`
}

// ExecRequest is a program that is to run in a guest.
type ExecRequest struct {
	Command []string `json:"command"`         // the program, and what it is given; no shell reads it
	Env     []string `json:"env,omitempty"`   // NAME=value
	Input   []byte   `json:"input,omitempty"` // its standard input
	Timeout int      `json:"timeout,omitempty"`
}

// ExecResult is how it ended.
type ExecResult struct {
	PID       int    `json:"pid"`
	ExitCode  int    `json:"exitCode"`
	Signal    int    `json:"signal,omitempty"` // that ended it; on Windows an exception code
	Output    []byte `json:"output,omitempty"`
	Errors    []byte `json:"errors,omitempty"`    // its standard error
	Truncated bool   `json:"truncated,omitempty"` // there was more than the agent keeps
}

// ExecPart is what is told of a program while it runs in a guest: one of its fields at a time.
type ExecPart struct {
	PID    int         `json:"pid,omitempty"`    // first: it was started, as this process of the guest
	Output []byte      `json:"output,omitempty"` // what it wrote since the part before
	Errors []byte      `json:"errors,omitempty"` // the same of its standard error
	AtEnd  bool        `json:"atEnd,omitempty"`  // this guest cannot hand over what it writes before it has ended
	Ended  *ExecResult `json:"ended,omitempty"`  // last: how it ended, without what it wrote
}

// Limits of what is asked of an agent.
const (
	MaxExecInput   = 512 << 10
	MaxExecWords   = 256
	MaxExecTimeout = 86400
	MaxPassword    = 512
)
