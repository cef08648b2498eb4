package monitoring

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host counts how often it was read. Its one VM uses half a processor from the beginning on.
type host struct {
	reads int
	begin time.Time
	err   error
}

func (h *host) read(context.Context) (map[string]vm.Counters, error) {
	h.reads++
	now := time.Now()
	return map[string]vm.Counters{"web": {Run: 1, At: now, CPU: now.Sub(h.begin) / 2, Resident: 42}}, h.err
}

func looked(t *testing.T, s *Sampler) vm.Usage {
	t.Helper()
	sample, err := s.Sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sample.VMs["web"]
}

func TestNothingIsReadUnlessSomebodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{begin: time.Now()}
		s := New(h.read, time.Now)
		time.Sleep(time.Hour)
		if h.reads != 0 {
			t.Errorf("read %d times for nobody", h.reads)
		}
		asked := time.Now()
		if u := looked(t, s); u.CPU == nil || *u.CPU != 0.5 || u.Over != first || u.Resident != 42 {
			t.Errorf("%+v", u)
		}
		if took := time.Since(asked); took != first || h.reads != 2 {
			t.Errorf("the first look took %s and %d readings", took, h.reads)
		}
		time.Sleep(2 * time.Second) // who looks again does not wait
		asked = time.Now()
		if u := looked(t, s); u.CPU == nil || *u.CPU != 0.5 || u.Over != 2*time.Second || time.Since(asked) != 0 || h.reads != 3 {
			t.Errorf("%+v after %s and %d readings", u, time.Since(asked), h.reads)
		}
		looked(t, s) // the next page
		if h.reads != 3 {
			t.Error("two pages of one list were two samples")
		}
		time.Sleep(time.Hour) // an old reading is not counted from
		if u := looked(t, s); u.Over != first || h.reads != 5 {
			t.Errorf("%+v after %d readings", u, h.reads)
		}
	})
}

func TestThoseWhoLookAtOnceShareOneSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{begin: time.Now()}
		s := New(h.read, time.Now)
		done := make(chan vm.Usage, 20)
		for range cap(done) {
			go func() {
				sample, _ := s.Sample(t.Context())
				done <- sample.VMs["web"]
			}()
		}
		for range cap(done) {
			if u := <-done; u.CPU == nil {
				t.Errorf("%+v", u)
			}
		}
		if h.reads != 2 {
			t.Errorf("%d readings for %d lookers", h.reads, cap(done))
		}
	})
}

func TestALookThatIsGivenUpLeavesNothingWrongForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{begin: time.Now()}
		s := New(h.read, time.Now)
		looked(t, s)
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), first/4)
		defer cancel()
		if _, err := s.Sample(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if u := looked(t, s); u.Over != first {
			t.Errorf("it was given an old sample: %+v", u)
		}
		h.err = errors.New("hv-helper is gone")
		time.Sleep(time.Minute)
		if _, err := s.Sample(t.Context()); !errors.Is(err, h.err) {
			t.Errorf("%v", err)
		}
	})
}
