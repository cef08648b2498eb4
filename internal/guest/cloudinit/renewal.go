package cloudinit

// renew makes what tells machines apart, and cloud-init leaves, anew in a guest that begins as another one: a clone, or a VM of a
// template. cloud-init makes SSH host keys for each new instance, and keeps the machine-id, from which DHCP's and the journal's
// identities are made. A guest that begins as a fresh image has a folder of no other instance, and is left alone; so is one that
// is only configured anew. (cloud-init's own previous-instance-id is overwritten by the time that bootcmd runs.)
const renew = `is=$(cut -c1-36 /var/lib/cloud/data/instance-id); done=/var/lib/cloud/instance/sem/hyper_nixos_renewed
[ -n "$is" ] && [ ! -e "$done" ] && ls /var/lib/cloud/instances | grep -qv "^$is" || exit 0
rm -f /etc/machine-id /var/lib/systemd/random-seed; [ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
systemd-machine-id-setup || dbus-uuidgen --ensure=/etc/machine-id
[ ! -d /var/lib/dbus ] || [ -e /var/lib/dbus/machine-id ] || ln -s /etc/machine-id /var/lib/dbus/machine-id
systemctl --no-block try-restart systemd-journald systemd-networkd || true
mkdir -p /var/lib/cloud/instance/sem; touch "$done"
`

// renewal is the vendor data of a VM that has none by hand.
func renewal() ([]byte, error) {
	text, err := yaml(struct {
		Bootcmd [][]string `json:"bootcmd"`
	}{[][]string{{"sh", "-c", renew}}})
	return append([]byte(cloudConfig+"\n"), text...), err
}
