package probe

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"slices"
	"testing"
)

func TestAQEMUNamesTheDiskFormatsThatItWasBuiltWith(t *testing.T) {
	for _, version := range []string{"7.2", "10.0"} {
		got := blockDrivers(recordedSchema(t, version))
		for _, want := range []string{"file", "luks", "nbd", "qcow2", "raw", "vhdx", "vmdk", "vpc"} {
			if !slices.Contains(got, want) {
				t.Errorf("QEMU %s lacks %s: %v", version, want, got)
			}
		}
		if !slices.IsSorted(got) {
			t.Errorf("%v is in no order", got)
		}
	}
	for _, said := range []string{"", "{}", "[]", `[{"name":"blockdev-add","meta-type":"command","arg-type":"0","ret-type":"0"},{"name":"0","meta-type":"object","members":[]}]`} {
		if got := blockDrivers(json.RawMessage(said)); got != nil {
			t.Errorf("%q has %v", said, got)
		}
	}
}

// recordedSchema is what a real QEMU answered.
func recordedSchema(t *testing.T, version string) json.RawMessage {
	t.Helper()
	f, err := os.Open("../../qemu/qmp/schema/testdata/qemu-" + version + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	var outer struct{ Schema json.RawMessage }
	if err := json.Unmarshal(data, &outer); err != nil {
		t.Fatal(err)
	}
	return outer.Schema
}

func TestAQEMUNamesHowItReadsDisks(t *testing.T) {
	for _, version := range []string{"7.2", "10.0"} {
		if got := aio(recordedSchema(t, version)); !slices.Equal(got, []string{"threads", "native", "io_uring"}) {
			t.Errorf("QEMU %s: %v", version, got)
		}
	}
	for _, said := range []string{"", "{}", "[]"} {
		if got := aio(json.RawMessage(said)); got != nil {
			t.Errorf("%q has %v", said, got)
		}
	}
}
