package guest

import (
	"strings"
	"testing"
)

const bookworm = `Package: linux-image-cloud-amd64
Source: linux-signed-amd64 (6.1.192+2)
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)
Description-en: Linux for x86-64 cloud (meta-package)
 Package: not-this-one
 This package depends on the latest kernel.

Package: busybox-static
Version: 1:1.35.0-4+deb12u1+b1
Built-Using: glibc (= 2.36-9)

`

const trixie = `Package: busybox-static
Version: 1:1.37.0-6+b3

Package: linux-image-cloud-amd64
Version: 6.12.57-1
Depends: linux-image-6.12.57+deb13-cloud-amd64 (= 6.12.57-1), other (>= 1)`

func TestTheNewestKernelIsReadFromAptsLists(t *testing.T) {
	cases := []struct {
		name, show string
		want       wanted
	}{
		{"Debian 12", bookworm, wanted{
			kernel:  deb{"linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"},
			busybox: deb{"busybox-static", "1:1.35.0-4+deb12u1+b1"}, release: "6.1.0-56-cloud-amd64",
		}},
		{"Debian 13", trixie, wanted{
			kernel:  deb{"linux-image-6.12.57+deb13-cloud-amd64", "6.12.57-1"},
			busybox: deb{"busybox-static", "1:1.37.0-6+b3"}, release: "6.12.57+deb13-cloud-amd64",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := readCandidates([]byte(c.show), amd64.kernelPackage)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestListsWithoutTheKernelSayWhatToDo(t *testing.T) {
	for _, show := range []string{"", "Package: busybox-static\nVersion: 1\n"} {
		_, err := readCandidates([]byte(show), amd64.kernelPackage)
		if err == nil || !strings.Contains(err.Error(), "apt-get update") {
			t.Errorf("lists %q: got %v", show, err)
		}
	}
}
