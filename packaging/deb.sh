#!/bin/bash
# make deb: builds dist/hyper-nixos_VERSION_ARCH.deb from dist/linux/ARCH, and prints its path.
# usage: packaging/deb.sh amd64|arm64 [PROGRAMS] [OUT]: from the programs in another folder, into another folder.
# HYPER_NIXOS_DEB_VERSION names another version than git does,
# HYPER_NIXOS_DEB_COMPRESSION another compression than xz (none: quick to make and to install, for a test).
# The same sources and compiler make the same bytes: every time in it is the commit's.
set -euo pipefail
cd "$(dirname "$0")/.."

arch=${1:?usage: packaging/deb.sh amd64|arm64 [PROGRAMS] [OUT]}
case $arch in
amd64) qemu=qemu-system-x86 firmware=ovmf ;;
arm64) qemu=qemu-system-arm firmware=qemu-efi-aarch64 ;;
*) echo "deb: no package for $arch: amd64 or arm64" >&2 && exit 2 ;;
esac
programs=${2:-dist/linux/$arch}
out=${3:-dist}
for tool in dpkg-deb gzip; do
	command -v "$tool" >/dev/null || { echo "deb: $tool is missing: apt-get install ${tool%-deb}" >&2 && exit 1; }
done
repo() { git -c safe.directory='*' "$@" 2>/dev/null; }

# A version that dpkg sorts as time goes: 1.2.3 at a tag v1.2.3, 1.2.3+7.gabc after it; before the first tag the time
# of the commit decides.
version() {
	local tag
	if tag=$(repo describe --tags --match 'v[0-9]*'); then
		tag=${tag#v}
		[[ $tag != *-*-g* ]] || tag=${tag%-*-g*}+${tag##"${tag%-*-g*}"-}
		echo "${tag//-/.}"
	else
		echo "0.0~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(repo rev-parse --short=8 HEAD || echo none)"
	fi
}

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(repo log -1 --format=%ct || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH
version=${HYPER_NIXOS_DEB_VERSION:-$(version)}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 755 "$root" # mktemp's is closed

file() { # MODE SOURCE TARGET
	install -D -m "$1" "$2" "$root/$3"
}
doc=$root/usr/share/doc/hyper-nixos
packed() { # NAME: compresses stdin into the package's documentation
	gzip -9n >"$doc/$1.gz"
}

file 755 "$programs/hv" usr/bin/hv
file 755 "$programs/hvd" usr/libexec/hyper-nixos/hvd
file 755 "$programs/hv-helper" usr/libexec/hyper-nixos/hv-helper
for unit in packaging/systemd/*.service packaging/systemd/*.socket packaging/systemd/*.slice; do
	file 644 "$unit" "usr/lib/systemd/system/$(basename "$unit")"
done
file 644 packaging/systemd/sysusers.conf usr/lib/sysusers.d/hyper-nixos.conf
file 644 packaging/systemd/tmpfiles.conf usr/lib/tmpfiles.d/hyper-nixos.conf
file 644 packaging/declaration.nix etc/hyper-nixos/declaration.nix
go run ./packaging/pages "$root"
mkdir -p "$doc"
for page in README.md CHANGELOG.md docs/*.md; do
	gzip -9nc "$page" >"$doc/$(basename "$page").gz"
done
packed changelog <<-EOF
	hyper-nixos ($version) unstable; urgency=medium

	  * Built from $(repo describe --tags --always --dirty || echo "a tree without git"). What a host's user sees of
	    each version stands in CHANGELOG.md.gz.

	 -- Hyper-NixOS maintainers <hyper-nixos@users.noreply.github.com>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
EOF
for example in examples/* examples/nixos/*; do
	[[ -f $example ]] || continue
	file 644 "$example" "usr/share/doc/hyper-nixos/$example"
done
file 644 packaging/debian/lintian-overrides usr/share/lintian/overrides/hyper-nixos
file 644 packaging/debian/copyright usr/share/doc/hyper-nixos/copyright
packaging/licences.sh "$arch" | packed third-party-licences

mkdir "$root/DEBIAN"
find "$root/etc" -type f -printf '/etc/%P\n' | LC_ALL=C sort >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
	file 755 "packaging/debian/$script" "DEBIAN/$script"
done
size=$(du -k --apparent-size -s --exclude=DEBIAN "$root" | cut -f1)
sed -e "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/; s/@QEMU@/$qemu/; s/@FIRMWARE@/$firmware/" \
	packaging/debian/control >"$root/DEBIAN/control"
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"

find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
deb=$out/hyper-nixos_${version}_$arch.deb
dpkg-deb --root-owner-group -Z"${HYPER_NIXOS_DEB_COMPRESSION:-xz}" --build "$root" "$deb" >/dev/null
echo "$deb"
