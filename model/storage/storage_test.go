package storage

import "testing"

func TestEverythingWrongWithAVolumeIsTold(t *testing.T) {
	if errs := CheckVolume("web-root", VolumeSpec{Pool: "default", Format: QCOW2, Size: 1 << 30}); errs != nil {
		t.Error(errs)
	}
	for _, c := range []struct {
		name string
		spec VolumeSpec
		want int
	}{
		{"Web", VolumeSpec{Pool: "/", Format: "vhd", Size: -1}, 4},
		{"a", VolumeSpec{}, 1},
		{"a", VolumeSpec{Size: 513}, 1},
		{"a", VolumeSpec{Size: MaxVolume + 512}, 1},
	} {
		if errs := CheckVolume(c.name, c.spec); len(errs) != c.want {
			t.Errorf("%q %+v: %v, want %d", c.name, c.spec, errs, c.want)
		}
	}
}

func TestABootFileIsAKernelOrAnInitrd(t *testing.T) {
	if errs := CheckBootFile("tiny", KernelFile); errs != nil {
		t.Error(errs)
	}
	if errs := CheckBootFile("../x", "rom"); len(errs) != 2 {
		t.Error(errs)
	}
}
