package wire

// GuestPassword is a password that a user of a guest gets.
type GuestPassword struct {
	User     string `json:"user" minLength:"1" maxLength:"64"`
	Password string `json:"password" minLength:"1" maxLength:"512"`
	Crypted  bool   `json:"crypted,omitempty" doc:"it is the hash of one, as crypt(5) makes it"`
}

// GuestTrim is what a guest has given back.
type GuestTrim struct {
	Trimmed int64 `json:"trimmed" doc:"bytes that none of its files uses, of all its file systems"`
}

// CloudInit is what a guest with cloud-init is told at its first boot, as it stands in its files.
type CloudInit struct {
	UserData      string `json:"userData"`
	MetaData      string `json:"metaData"`
	VendorData    string `json:"vendorData,omitempty"`
	NetworkConfig string `json:"networkConfig,omitempty"`
}
