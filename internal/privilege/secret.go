package privilege

// VerbSecret is the verb by which hvd has a secret sealed to this host, or opened: Secret and a memfd with the one → a
// memfd with the other. systemd-creds reads a key that is root's. Neither is ever in a message: messages are for logs to tell of.
const VerbSecret Verb = "secret"

// MaxSecret bounds a secret and MaxSealedSecret what it is sealed to.
const (
	MaxSecret       = 4 << 10
	MaxSealedSecret = 64 << 10
)

// Secret names a key, to which what is sealed is bound, and what it is to be sealed with: --with-key of systemd-creds. Empty:
// what is sealed is to be opened.
type Secret struct {
	Key  string `json:"key"`
	With string `json:"with,omitempty"`
}
