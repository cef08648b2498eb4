//go:build linux

package seed

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestAGuestFindsItsFilesOnADiskThatNobodyElseCanRead(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "seeds")
	if err := os.MkdirAll(filepath.Join(folder, "seed-left", "files"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	spec := vm.Spec{UUID: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", CloudInit: &vm.CloudInit{User: "me", Runcmd: []string{"true"}, NetworkConfig: "version: 2\n"}}
	f, err := s.Make(t.Context(), "web", spec)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("in the folder stays %v, %v", left, err)
	}
	if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
		t.Errorf("it is open with %#x, %v", flags, err)
	}
	disk, err := iso9660.Read(file.New(f, true), 0, 0, blockSize)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimRight(disk.Label(), "\x00 ") != label {
		t.Errorf("its label is %q", disk.Label())
	}
	for name, part := range map[string]string{"user-data": "name: me", "meta-data": "local-hostname: web", "network-config": "version: 2"} {
		got, err := disk.OpenFile("/"+name, os.O_RDONLY)
		if err != nil {
			t.Error(name, err)
			continue
		}
		text, err := io.ReadAll(got)
		if err != nil || !bytes.Contains(text, []byte(part)) {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

func TestWhatAGuestIsToldStandsInMemoryOnly(t *testing.T) {
	files := map[string][]byte{
		"user-data": []byte("#!/bin/sh\n" + strings.Repeat("echo s3cret\n", 5000)), "vendor-data": []byte("#!s3cret"),
		"meta-data": bytes.Repeat([]byte("s3cret: x\n\n\n\n\n\n\n"), blockSize/16), "network-config": []byte("s3cret: 2\n"),
	}
	folder := t.TempDir()
	memory, err := os.Create(filepath.Join(t.TempDir(), "memory"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	inPlace, err := stand(folder, files)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !bytes.Equal(got, inPlace[name]) || len(got) != len(text) || bytes.Contains(got, []byte("s3cret")) {
			t.Errorf("in the folder %s is %d bytes of %d, %v", name, len(got), len(text), err)
		}
	}
	if err := write(memory, folder, files); err != nil {
		t.Fatal(err)
	}
	disk, err := iso9660.Read(file.New(memory, true), 0, 0, blockSize)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		f, err := disk.OpenFile("/"+name, os.O_RDONLY)
		if err != nil {
			t.Fatal(name, err)
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is %d bytes, want %d; %v", name, len(got), len(want), err)
		}
	}
}
