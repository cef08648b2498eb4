package client

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// content makes size bytes of r the body. Expect lets the daemon refuse before a byte of it is sent.
func (r *request) content(size model.Bytes, body io.Reader, progress Progress) *request {
	r.header.Set("Content-Type", "application/octet-stream")
	r.header.Set("Expect", "100-continue")
	r.body, r.size = io.NopCloser(&counted{r: io.LimitReader(body, int64(size)), total: size, tell: progress}), int64(size)
	return r
}

// counted tells how much of it was read.
type counted struct {
	r           io.Reader
	sent, total model.Bytes
	tell        Progress
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sent += model.Bytes(n)
	if c.tell != nil && n > 0 {
		c.tell(c.sent, c.total)
	}
	return n, err
}

// labels writes labels as they stand in a query: "tier=web,env=test".
func labels(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return strings.Join(parts, ",")
}
