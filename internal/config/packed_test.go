package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// crowd is a declaration of n VMs, as it is stored.
func crowd(t *testing.T, n int) Applied {
	t.Helper()
	var vms []string
	for i := range n {
		vms = append(vms, fmt.Sprintf(`"vm-%d": {"memory": "64MiB", "cpus": 1, "power": "off"}`, i))
	}
	d, err := ReadString(t.Context(), JSON, "host.json", `{"hypervisor": {"vms": {`+strings.Join(vms, ", ")+`}}}`)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return Applied{Generation: 7, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Source: "applied", Message: "many", Declaration: encoded, Complete: true}
}

func TestAGenerationOfThousandsOfVMsIsKeptSmall(t *testing.T) {
	for _, n := range []int{1, 4000} {
		a := crowd(t, n)
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var got Applied
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, got); diff != "" {
			t.Errorf("%d VMs: %s", n, diff)
		}
		if packed := bytes.Contains(text, []byte(`"packed"`)); packed != (n == 4000) || len(text) > 256<<10 {
			t.Errorf("%d VMs: %d bytes, packed %v", n, len(text), packed)
		}
	}
}

func TestWhatIsPackedWronglyIsAnError(t *testing.T) {
	for _, text := range []string{`{"generation":3,"packed":"AAAA"}`, `{"packed":7}`, `{"generation":3,"packed":""}`, `[`} {
		var a Applied
		if err := json.Unmarshal([]byte(text), &a); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

func FuzzAStoredGeneration(f *testing.F) {
	f.Add([]byte(`{"generation":1,"declaration":{"version":1,"value":{}},"complete":true}`))
	f.Add([]byte(`{"generation":3,"packed":"H4sIAAAAAAAA/6vmAgAAAP//"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a Applied
		if json.Unmarshal(data, &a) != nil {
			return
		}
		if len(a.Declaration) > MaxWire {
			t.Errorf("%d bytes", len(a.Declaration))
		}
		if _, err := a.Sum(); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
