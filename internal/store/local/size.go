package local

import (
	"os"
)

// Usage is how much room a store takes, and how much it may.
type Usage struct {
	Bytes   int64 // of the file and its write-ahead log
	Most    int64 // that the file may have
	History int64 // bytes of values that are kept to go back to, about
}

// Usage returns how much room the store takes now.
func (s *Store) Usage() Usage {
	return Usage{
		Bytes: fileSize(s.path) + fileSize(s.path+"-wal"), Most: pageLimit(s.opt) * 4096, History: s.writer.kept.Load(),
	}
}

// fileSize is 0 for a file that is not there.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
