package thin

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

const (
	one = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10.raw"
	two = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a11.raw"
)

// said is what LVM 2.03.16 prints.
const said = `  {
      "report": [
          {
              "lv": [
                  {"lv_name":"hv-` + two + `", "lv_size":"33554432", "data_percent":"12.50", "metadata_percent":"", "lv_tags":"hyper-nixos,hyper-nixos.arriving", "pool_lv":"thin", "segtype":"thin", "lv_kernel_major":"253", "lv_kernel_minor":"5", "zero":"unknown", "lv_when_full":"", "vg_extent_size":"4194304"},
                  {"lv_name":"hv-` + one + `", "lv_size":"8388608", "data_percent":"", "metadata_percent":"", "lv_tags":"hyper-nixos", "pool_lv":"thin", "segtype":"thin", "lv_kernel_major":"-1", "lv_kernel_minor":"-1", "zero":"unknown", "lv_when_full":"", "vg_extent_size":"4194304"},
                  {"lv_name":"hv-6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a12.raw", "lv_size":"8388608", "data_percent":"1.00", "metadata_percent":"", "lv_tags":"mine", "pool_lv":"thin", "segtype":"thin", "lv_kernel_major":"253", "lv_kernel_minor":"9", "zero":"unknown", "lv_when_full":"", "vg_extent_size":"4194304"},
                  {"lv_name":"root", "lv_size":"8388608", "data_percent":"1.00", "metadata_percent":"", "lv_tags":"hyper-nixos", "pool_lv":"thin", "segtype":"thin", "lv_kernel_major":"253", "lv_kernel_minor":"8", "zero":"unknown", "lv_when_full":"", "vg_extent_size":"4194304"},
                  {"lv_name":"thin", "lv_size":"1073741824", "data_percent":"0.39", "metadata_percent":"10.94", "lv_tags":"other,hyper-nixos", "pool_lv":"", "segtype":"thin-pool", "lv_kernel_major":"253", "lv_kernel_minor":"2", "zero":"zero", "lv_when_full":"error", "vg_extent_size":"4194304"}
              ]
          }
      ]
  }
`

func TestOnlyWhatBearsTheTagAndANameOfOursIsSeen(t *testing.T) {
	r, err := read([]byte(said), "thin")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range r.volumes {
		names = append(names, v.Name)
	}
	if !slices.Equal(names, []string{one, two}) {
		t.Errorf("it sees %v", names)
	}
	if v := r.volumes[1]; v.Allocated != 4<<20 || v.Bytes != 32<<20 || v.State != privilege.ThinArriving || v.minor != 5 {
		t.Errorf("%+v", v)
	}
	if v := r.volumes[0]; v.minor != -1 || v.Allocated != 0 || v.State != "" {
		t.Errorf("%+v", v)
	}
	if p := r.pool; p.Bytes != 1<<30 || p.DataPercent != 0.39 || p.MetaPercent != 10.94 || p.Extent != 4<<20 || !p.ErrorsWhenFull {
		t.Errorf("%+v", p)
	}
}

func TestAPoolThatIsNotMeantOrNotSafeIsRefused(t *testing.T) {
	for code, text := range map[string]string{
		"HV-POOL-022": strings.ReplaceAll(said, "other,hyper-nixos", "other"),
		"HV-POOL-023": strings.ReplaceAll(said, `"zero":"zero"`, `"zero":""`),
		"HV-POOL-021": strings.ReplaceAll(said, `"thin-pool"`, `"linear"`),
	} {
		v := &Volumes{run: func(...string) ([]byte, error) { return []byte(text), nil }}
		_, err := v.List(&privilege.ThinPool{ThinPlace: privilege.ThinPlace{Group: "vg", Pool: "thin"}})
		if fault.CodeOf(err) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	v := &Volumes{run: func(...string) ([]byte, error) { return []byte(said), nil }}
	_, err := v.List(&privilege.ThinPool{ThinPlace: privilege.ThinPlace{Group: "vg", Pool: "other"}})
	if fault.CodeOf(err) != "HV-POOL-021" || !errors.Is(err, fault.NotFound) || fault.HintOf(err) == "" {
		t.Errorf("one that is not there: %v", err)
	}
}

func FuzzWhatLVMSays(f *testing.F) {
	f.Add([]byte(said))
	f.Add([]byte(`{"report":[{"lv":[]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := read(text, "thin")
		if err != nil {
			return
		}
		if r.pool.Bytes <= 0 || r.pool.Extent <= 0 || !(r.pool.DataPercent >= 0 && r.pool.DataPercent <= 100) {
			t.Errorf("%+v", r.pool)
		}
		for _, v := range r.volumes {
			if !privilege.IsThinName(v.Name) {
				t.Errorf("%q", v.Name)
			}
		}
	})
}
