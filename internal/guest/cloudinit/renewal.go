package cloudinit

// renew makes what tells machines apart, and cloud-init leaves, anew in a guest that begins as another one: a clone, or a VM of a
// template. cloud-init makes SSH host keys for each new instance, and keeps the machine-id, from which DHCP's and the journal's
// identities are made. A guest that begins as a fresh image has no previous instance, and is left alone.
const renew = `was=$(cat /var/lib/cloud/data/previous-instance-id 2>/dev/null); is=$(cat /var/lib/cloud/data/instance-id 2>/dev/null)
case "$was" in ""|NO_PREVIOUS_INSTANCE_ID|"$is") exit 0;; esac
rm -f /etc/machine-id /var/lib/systemd/random-seed; [ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
systemd-machine-id-setup || dbus-uuidgen --ensure=/etc/machine-id
[ ! -d /var/lib/dbus ] || [ -e /var/lib/dbus/machine-id ] || ln -s /etc/machine-id /var/lib/dbus/machine-id
systemctl --no-block try-restart systemd-journald systemd-networkd || true
`

// renewal is the vendor data of a VM that has none by hand.
func renewal() ([]byte, error) {
	text, err := yaml(struct {
		Bootcmd [][]string `json:"bootcmd"`
	}{[][]string{{"sh", "-c", renew}}})
	return append([]byte(cloudConfig+"\n"), text...), err
}
