package luks

import (
	"crypto/aes"
	"io"

	"golang.org/x/crypto/xts"
)

// Content is what stands behind a header, as who has a secret of it sees it. It is for what arrives from elsewhere and must not lie
// on a disk in clear until QEMU has it.
type Content struct {
	f interface {
		io.ReaderAt
		io.WriterAt
	}
	cipher *xts.Cipher
	begin  int64
	at     int64  // how much was written
	rest   []byte // and has no whole sector yet
}

// Open returns the content of a file that begins with a header which the secret opens.
func Open(f interface {
	io.ReaderAt
	io.WriterAt
}, secret string) (*Content, error) {
	h, err := read(f)
	if err != nil {
		return nil, err
	}
	_, key, ok, err := h.open(f, secret, false)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, Wrong()
	}
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		return nil, refuse("cannot be tried").Because(err)
	}
	return &Content{f: f, cipher: c, begin: int64(h.payload) * sector}, nil
}

// ReadAt reads decrypted bytes, counted from where the content begins.
func (c *Content) ReadAt(b []byte, at int64) (int, error) {
	first := at / sector
	part := make([]byte, (at+int64(len(b))+sector-1)/sector*sector-first*sector)
	n, err := c.f.ReadAt(part, c.begin+first*sector)
	n = n / sector * sector
	for i := 0; i < n; i += sector {
		c.cipher.Decrypt(part[i:i+sector], part[i:i+sector], uint64(first+int64(i/sector)))
	}
	skip := int(at - first*sector)
	if n <= skip {
		return 0, io.EOF
	}
	got := copy(b, part[skip:n])
	if got == len(b) {
		err = nil
	} else if err == nil {
		err = io.EOF
	}
	return got, err
}

// Write encrypts what follows on what was written before.
func (c *Content) Write(b []byte) (int, error) {
	c.rest = append(c.rest, b...)
	whole := len(c.rest) / sector * sector
	part := c.rest[:whole]
	for i := 0; i < whole; i += sector {
		c.cipher.Encrypt(part[i:i+sector], part[i:i+sector], uint64((c.at+int64(i))/sector))
	}
	if _, err := c.f.WriteAt(part, c.begin+c.at); err != nil {
		return 0, err
	}
	c.at += int64(whole)
	c.rest = append(c.rest[:0], c.rest[whole:]...)
	return len(b), nil
}

// Fill writes zeros up to size bytes, which are whole sectors.
func (c *Content) Fill(size int64) error {
	zeros := make([]byte, 1<<20)
	for {
		left := size - c.at - int64(len(c.rest))
		if left <= 0 {
			return nil
		}
		if _, err := c.Write(zeros[:min(left, int64(len(zeros)))]); err != nil {
			return err
		}
	}
}
