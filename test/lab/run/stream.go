package main

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// stream prints what labs say as they say it, and counts the tests.
type stream struct {
	mu            sync.Mutex
	began         time.Time
	prefix        bool // of the host's name, where there is more than one
	passed, total int
	skipped, bad  []string
}

func newStream(names []string) *stream {
	return &stream{began: time.Now(), prefix: len(names) > 1}
}

// outcome is how go test ends a test's output; subtests are indented and belong to their test.
var outcome = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+)`)

func (s *stream) line(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := ""
	if s.prefix {
		from = name + ": "
	}
	if m := outcome.FindStringSubmatch(text); m != nil {
		s.total++
		switch m[1] {
		case "PASS":
			s.passed++
		case "SKIP":
			s.skipped = append(s.skipped, from+m[2])
		case "FAIL":
			s.bad = append(s.bad, from+m[2])
		}
	}
	fmt.Printf("%4ds %s%s\n", int(time.Since(s.began).Seconds()), from, text)
}

// sum says in a few lines what came of it.
func (s *stream) sum(results string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "lab: %d of %d tests passed in %s; console and logs are in %s\n", s.passed, s.total, time.Since(s.began).Round(time.Second), results)
	for _, name := range s.skipped {
		fmt.Fprintf(&b, "lab: skipped %s\n", name)
	}
	for _, name := range s.bad {
		fmt.Fprintf(&b, "lab: FAILED %s\n", name)
	}
	return b.String()
}
