package view

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The lists are the specification's Risk Level Combinations, each with those below it.
func TestASetIsListedAsTheSpecificationHasIt(t *testing.T) {
	d := newDesk(t)
	low := "vmManagement monitoring localBackup microSegmentation encryption"
	moderate := low + " webDashboard remoteBackup prometheusExport api"
	for set, want := range map[string]string{
		"low": low, "moderate": moderate, "high": moderate + " liveMigration gpuPassthrough publicBridge automatedResponse",
	} {
		listed, err := d.Features(t.Context(), set, "")
		d.must(err)
		var got []string
		for _, f := range listed.Items {
			got = append(got, f.ID)
		}
		if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
			t.Errorf("set %s (-specification +listed):\n%s", set, diff)
		}
	}
}
