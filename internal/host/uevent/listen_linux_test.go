package uevent

import (
	"context"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// trigger has the kernel tell of a device once more: the same message as when it came.
// Source: the Linux kernel's Documentation/ABI/testing/sysfs-uevent.
func trigger(t *testing.T, device string) {
	t.Helper()
	if err := os.WriteFile("/sys"+device+"/uevent", []byte("change"), 0); err != nil {
		t.Skip("the kernel cannot be made to tell of a device (it takes root): ", err)
	}
}

func TestTheKernelIsHeard(t *testing.T) {
	defer goleak.VerifyNone(t)
	const device = "/devices/system/cpu/cpu0"
	l, err := Listen()
	if err != nil {
		t.Skip("no uevents here: ", err)
	}
	defer func() { _ = l.Close() }()
	trigger(t, device)
	stop := time.AfterFunc(20*time.Second, func() { _ = l.Close() })
	defer stop.Stop()
	for {
		ev, _, err := l.Next()
		if err != nil {
			t.Fatal("the kernel was not heard: ", err)
		}
		if ev.Path == device && ev.Action == "change" && ev.Subsystem == "cpu" {
			return
		}
	}
}

func TestARealEventIsLookedAfter(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	looked, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- Watch(ctx, func() {
			select {
			case looked <- struct{}{}:
			default:
			}
		})
	}()
	// Watch may not listen yet: the kernel is asked again until it is heard.
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	for {
		select {
		case <-looked:
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			return
		case err := <-done:
			t.Fatal("nobody looked: ", err)
		case <-tick.C:
			if err := os.WriteFile("/sys/devices/system/cpu/cpu0/uevent", []byte("change"), 0); err != nil {
				cancel()
				if err := <-done; err != nil {
					t.Log(err)
				}
				t.Skip("the kernel cannot be made to tell of a device (it takes root): ", err)
			}
		}
	}
}

func TestListeningEndsWithWhoeverListens(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Watch(ctx, func() { t.Error("it looked") }); err != nil {
		t.Skip("no uevents here: ", err)
	}
}
