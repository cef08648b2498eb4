//go:build linux

package firmware

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

const uuid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

// template is a file below /usr/share that every Linux host has: what stands in it does not matter here.
func template(t *testing.T) (string, []byte) {
	t.Helper()
	for _, pattern := range []string{"/usr/share/OVMF/*VARS*.fd", "/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/Etc/UTC", "/usr/share/common-licenses/GPL-3"} {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return path, text
			}
		}
	}
	t.Skip("nothing below /usr/share to copy")
	return "", nil
}

func TestUEFIVariablesAreMadeOfTheirTemplateOnceAndKept(t *testing.T) {
	path, text := template(t)
	dir := t.TempDir()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	open := func() []byte {
		t.Helper()
		file, err := f.NVRAM(t.Context(), uuid, path, false)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		got, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte("guest"), 0); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if !bytes.Equal(open(), text) {
		t.Error("they are not the template's")
	}
	if got := open(); !bytes.HasPrefix(got, []byte("guest")) {
		t.Error("what the guest wrote is gone")
	}
	if info, err := os.Stat(filepath.Join(dir, uuid+".fd")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for range 2 {
		if err := f.Remove(t.Context(), uuid); err != nil {
			t.Error(err)
		}
	}
	if !bytes.Equal(open(), text) {
		t.Error("another VM of that UUID has the old one's")
	}
}

func TestVariablesOfAnotherFirmwareAreNotGivenToThisOne(t *testing.T) {
	path, _ := template(t)
	dir := t.TempDir()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := os.WriteFile(filepath.Join(dir, uuid+".fd"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.NVRAM(t.Context(), uuid, path, false); fault.CodeOf(err) != "HV-VM-044" || fault.HintOf(err) == "" {
		t.Error(err)
	}
}

func TestNothingButAPackagesFileIsOpened(t *testing.T) {
	f, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, path := range []string{"/etc/passwd", "/usr/share/../../etc/passwd", "/usr/share", "OVMF.fd", ""} {
		if file, err := f.Code(t.Context(), path); err == nil {
			_ = file.Close()
			t.Errorf("%q was opened", path)
		}
	}
	if _, err := f.Code(t.Context(), "/usr/share/no-such-firmware.fd"); fault.CodeOf(err) != "HV-VM-043" {
		t.Error(err)
	}
	if _, err := f.NVRAM(t.Context(), "../x", "/usr/share/x", false); fault.KindOf(err) != fault.Internal {
		t.Error(err)
	}
}

func TestVariablesWithKeysAreNotThoseWithout(t *testing.T) {
	path, text := template(t)
	dir := t.TempDir()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, secure := range []bool{false, true} {
		file, err := f.NVRAM(t.Context(), uuid, path, secure)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(file)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("secure %v: not the template's: %v", secure, err)
		}
		if _, err := file.WriteAt([]byte("guest"), 0); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}
	if err := f.Remove(t.Context(), uuid); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

// On NixOS firmware stands in folders of the store, and nothing else there is firmware.
func TestFirmwareIsOpenedBelowTheFoldersThatAreNamed(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"OVMF-fd/FV/OVMF_CODE.fd", "OVMF-fd/other", "OVMF-fd/FV-more/x.fd"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte("code"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Open(filepath.Join(dir, "nvram"), filepath.Join(dir, "none"), filepath.Join(dir, "OVMF-fd/FV"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	file, err := f.Code(t.Context(), filepath.Join(dir, "OVMF-fd/FV/OVMF_CODE.fd"))
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	for _, path := range []string{filepath.Join(dir, "OVMF-fd/other"), filepath.Join(dir, "OVMF-fd/FV-more/x.fd"), "/usr/share/OVMF/OVMF_CODE.fd"} {
		if file, err := f.Code(t.Context(), path); fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: %v %v", path, file, err)
		}
	}
}
