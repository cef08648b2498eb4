package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Record is what is written down about one VM: before its process exists (PID is 0), when it does, and
// how it ended. It need not outlive the host, only the helper.
type Record struct {
	Version int               `json:"version"`
	VM      string            `json:"vm"`
	Name    string            `json:"name"`
	BootID  string            `json:"bootID"`
	UID     uint32            `json:"uid"` // first of the block
	Program string            `json:"program"`
	Sockets map[string]string `json:"sockets"` // name → file name
	PID     int               `json:"pid,omitempty"`
	Start   uint64            `json:"start,omitempty"`  // start time of PID
	Scope   string            `json:"scope,omitempty"`  // systemd's unit around it
	Cgroup  string            `json:"cgroup,omitempty"` // where that unit stands below the top of cgroup version 2
	Exit    string            `json:"exit,omitempty"`
	Uplinks []Uplink          `json:"uplinks,omitempty"`
	TPM     *Side             `json:"tpm,omitempty"`    // its swtpm
	Shares  map[string]*Side  `json:"shares,omitempty"` // its virtiofsds, by tag
}

// Side is a process that a VM has beside QEMU.
type Side struct {
	PID   int    `json:"pid,omitempty"` // 0: it does not live, see Why
	Start uint64 `json:"start,omitempty"`
	Why   string `json:"why,omitempty"`
}

// Uplink is one passt.
type Uplink struct {
	Socket string `json:"socket"`
	PID    int    `json:"pid,omitempty"` // 0: it does not live, see Why
	Start  uint64 `json:"start,omitempty"`
	Why    string `json:"why,omitempty"`
}

const (
	recordFile    = "record.json"
	recordVersion = 1
	maxRecord     = 64 << 10
)

// Write writes a VM's record in the place of the one before, whole or not at all.
func (f *Folder) Write(r Record) error {
	r.Version = recordVersion
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := filepath.Join(f.VM(r.VM), recordFile)
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}

// Read reads a VM's record.
func (f *Folder) Read(uuid string) (Record, error) { return readRecord(f.VM(uuid), uuid) }

func readRecord(dir, uuid string) (Record, error) {
	file, err := os.OpenFile(filepath.Join(dir, recordFile), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return Record{}, err
	}
	defer func() { _ = file.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(file, maxRecord+1))
	if err != nil {
		return Record{}, err
	}
	return ParseRecord(data, uuid)
}

// ParseRecord reads a record and holds it against the VM that it should be of.
func ParseRecord(data []byte, uuid string) (Record, error) {
	var r Record
	if len(data) > maxRecord {
		return r, fmt.Errorf("a record of more than %d bytes", maxRecord)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, err
	}
	if r.Version != recordVersion || r.VM != uuid || r.PID < 0 {
		return r, fmt.Errorf("a record of version %d for VM %q with pid %d", r.Version, r.VM, r.PID)
	}
	if r.Cgroup != "" && (!filepath.IsLocal(r.Cgroup) || filepath.Base(r.Cgroup) != r.Scope) {
		return r, fmt.Errorf("a record whose scope %q stands at %q", r.Scope, r.Cgroup)
	}
	return r, nil
}

// Foreign returns the records in the run folders of other helpers on this host, as far as they can be
// read: their VMs' uids must not be given to ours.
func (f *Folder) Foreign() []Record {
	dirs, err := filepath.Glob(filepath.Join(filepath.Dir(f.Path), "*", "vm", "*"))
	if err != nil {
		return nil // only a malformed pattern fails
	}
	var out []Record
	for _, dir := range dirs {
		if filepath.Dir(filepath.Dir(dir)) == f.Path {
			continue
		}
		if r, err := readRecord(dir, filepath.Base(dir)); err == nil {
			out = append(out, r)
		}
	}
	return out
}
