package audit_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
)

func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir(), audit.Options{})
	for i := 0; b.Loop(); i++ {
		if _, err := l.Append(context.Background(), start(i)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend16 shows what records that wait together cost each.
func BenchmarkAppend16(b *testing.B) {
	l := open(b, b.TempDir(), audit.Options{})
	var n atomic.Int64
	b.SetParallelism(8) // times GOMAXPROCS, 2 on the machine this is measured on
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Append(context.Background(), start(int(n.Add(1)))); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
