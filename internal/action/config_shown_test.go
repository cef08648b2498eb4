package action

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAPreviewOfADeclarationShowsNoSecret(t *testing.T) {
	d := newDesk(t)
	of := func(hash string) []byte {
		return d.declare(`{"hypervisor":{"vms":{"web":{"memory":"64MiB","cloudInit":{"user":"me","passwordHash":"` + hash + `"}}}}}`)
	}
	previews := func(text []byte) string {
		res, err := d.ApplyConfig(t.Context(), dry(root), text)
		d.must(err)
		all, err := json.Marshal(res.Preview)
		d.must(err)
		if strings.Contains(string(all), "GEHEIM") || !strings.Contains(string(all), "(hidden)") {
			t.Errorf("%s", all)
		}
		return string(all)
	}
	first := of("$6$salt$GEHEIMGEHEIM")
	previews(first)
	_, err := d.ApplyConfig(t.Context(), root, first)
	d.must(err)
	if all := previews(of("$6$salt$GEHEIMERALSDAS")); !strings.Contains(all, "passwordHash") {
		t.Errorf("that it changes is not told: %s", all)
	}
}
