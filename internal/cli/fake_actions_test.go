package cli_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (f *fake) createVM(w http.ResponseWriter, r *http.Request) {
	var def vm.Definition
	if err := json.NewDecoder(r.Body).Decode(&def); err != nil {
		refuse(w, wire.Problem{Status: http.StatusBadRequest, Detail: err.Error()})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if def.CPUs > 64 {
		l := finding.List{
			{Code: "HV-VM-003", Severity: finding.Limited, Subject: []string{"vm/" + def.Name}, What: "memory is short", Path: "hypervisor.vms." + def.Name + ".memory"},
			{
				Code: "HV-VM-002", Severity: finding.Refused, Subject: []string{"vm/" + def.Name}, Path: "hypervisor.vms." + def.Name + ".cpus",
				What: fmt.Sprintf("%d vCPUs are more than the host's 2", def.CPUs), Why: "the host has 2 CPUs", Remedy: "cpus = 2",
			},
		}
		refuse(w, wire.Problem{
			Title: "invalid", Status: wire.StatusOf(fault.Invalid), Findings: l,
			Detail: fmt.Sprintf("cannot create vm %q: %s", def.Name, finding.Refusal{Findings: l}.Error()),
		})
		return
	}
	if f.called(w, r, "create vm "+def.Name) {
		return
	}
	f.begin(w, "vm.create", "vm", def.Name, func() {
		state := vm.StateOff
		if def.Power == vm.On {
			state = vm.StateRunning
		}
		f.addVM(def, state)
	})
}

func (f *fake) power(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, verb := r.PathValue("name"), r.PathValue("verb")
	v, ok := f.vms[name]
	if !ok {
		missing(w, "vm", name)
		return
	}
	if verb == "pause" && v.Status.Power.State != vm.StateRunning {
		refuse(w, wire.Problem{
			Title: "precondition", Status: wire.StatusOf(fault.Precondition), Code: "HV-VM-005",
			Detail: fmt.Sprintf("cannot pause vm %q: it is %s", name, v.Status.Power.State), Remedy: "hv vm start " + name,
		})
		return
	}
	if f.called(w, r, "launch QEMU", "let it run") {
		return
	}
	states := map[string]vm.State{"start": vm.StateRunning, "resume": vm.StateRunning, "reboot": vm.StateRunning, "reset": vm.StateRunning, "pause": vm.StatePaused, "suspend": vm.StateSuspended}
	f.begin(w, "vm."+verb, "vm", name, func() {
		v.Status.Power.State = vm.StateOff
		if s, ok := states[verb]; ok {
			v.Status.Power.State = s
		}
	})
}

func (f *fake) deleteVM(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if v, ok := f.vms[r.PathValue("name")]; ok && r.URL.Query().Get("volumes") == "true" {
		for _, d := range v.Spec.Disks {
			delete(f.volumes, d.Volume)
		}
	}
	f.mu.Unlock()
	remove(f, w, r, f.vms, "vm")
}

func remove[T any](f *fake, w http.ResponseWriter, r *http.Request, m map[string]T, kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("name")
	if _, ok := m[name]; !ok {
		missing(w, kind, name)
		return
	}
	if !f.called(w, r, "delete "+kind+" "+name) {
		f.begin(w, kind+".delete", kind, name, func() { delete(m, name) })
	}
}

func (f *fake) createVolume(w http.ResponseWriter, r *http.Request) {
	var body wire.CreateVolume
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.called(w, r, "make volume "+body.Name) {
		f.begin(w, "volume.create", "volume", body.Name, func() { f.addVolume(body.Name, body.Size) })
	}
}

func digest(r *http.Request) string {
	h := sha256.New()
	_, _ = io.Copy(h, r.Body)
	return hex.EncodeToString(h.Sum(nil))
}

func (f *fake) importVolume(w http.ResponseWriter, r *http.Request) {
	sum := digest(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("name")
	if f.called(w, r) {
		return
	}
	f.begin(w, "volume.import", "volume", name, func() {
		f.addVolume(name, model.Bytes(r.ContentLength))
		f.volumes[name].SHA256, f.volumes[name].Spec.Format = sum, storage.Format(r.URL.Query().Get("format"))
	})
}

func (f *fake) importBootFile(w http.ResponseWriter, r *http.Request) {
	sum := digest(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("name")
	if f.called(w, r) {
		return
	}
	f.begin(w, "boot-file.import", "boot-file", name, func() {
		f.boot[name] = &wire.BootFile{
			Kind: "boot-file", Metadata: model.Metadata{Name: name, Project: "default", Created: epoch}, SHA256: sum,
			Content: storage.BootKind(r.URL.Query().Get("kind")), Size: model.Bytes(r.ContentLength),
		}
	})
}

// connect is a guest that prints what it has to, and then echoes. "quit" ends it.
func (f *fake) connect(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n%s", wire.ConsoleProtocol, f.console)
	buf := make([]byte, 1024)
	for {
		n, err := rw.Read(buf)
		if err != nil || strings.Contains(string(buf[:n]), "quit") {
			return
		}
		_, _ = fmt.Fprintf(conn, "you typed %q\r\n", buf[:n])
	}
}

// screen is a VM's screen, which greets each viewer and says the greeting back.
func (f *fake) screen(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\nRFB 003.008\n", wire.VNCProtocol)
	_, _ = io.Copy(conn, rw)
}

// picture is what a VM's screen shows; one whose name begins with "cut" breaks off.
func (f *fake) picture(w http.ResponseWriter, r *http.Request) {
	const png = "\x89PNG\r\n\x1a\nit is a prompt\n"
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Content-Length", strconv.Itoa(len(png)))
	text := png
	if strings.HasPrefix(r.PathValue("name"), "cut") {
		text = png[:8]
	}
	_, _ = io.WriteString(w, text)
}

func (f *fake) log(w http.ResponseWriter, r *http.Request) {
	text := "one\ntwo\nthree\n"
	if strings.HasPrefix(r.PathValue("log"), "qemu") {
		text = "qemu: it hurts\n"
	}
	if strings.HasSuffix(r.PathValue("log"), "-previous") {
		text = "before: " + text
	}
	var lines int
	if _, err := fmt.Sscan(r.URL.Query().Get("lines"), &lines); err == nil {
		all := strings.SplitAfter(text, "\n")
		text = strings.Join(all[max(0, len(all)-1-lines):], "")
	}
	var tail int
	if _, err := fmt.Sscan(r.URL.Query().Get("tail"), &tail); err == nil {
		text = text[max(0, len(text)-tail):]
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, text)
}

// follow sends events from a revision on.
func (f *fake) follow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	_ = rc.Flush()
	var from int64
	if _, err := fmt.Sscan(r.URL.Query().Get("from"), &from); err != nil {
		f.mu.Lock()
		from = f.revision + 1
		f.mu.Unlock()
	}
	go func() { // who waits for more looks again when the reader has gone
		<-r.Context().Done()
		f.more.Broadcast()
	}()
	for next := 0; ; next++ {
		f.mu.Lock()
		for next >= len(f.events) && r.Context().Err() == nil {
			f.more.Wait()
		}
		if r.Context().Err() != nil {
			f.mu.Unlock()
			return
		}
		ev := f.events[next]
		f.mu.Unlock()
		wanted := r.URL.Query().Get("types") == ""
		for t := range strings.SplitSeq(r.URL.Query().Get("types"), ",") {
			wanted = wanted || strings.HasPrefix(ev.Type, t)
		}
		if !wanted || ev.Revision < from || !strings.HasPrefix(ev.Subject, r.URL.Query().Get("subject")) {
			continue
		}
		text, _ := json.Marshal(ev)
		_, _ = fmt.Fprintf(w, "id: %s\ndata: %s\n\n", ev.ID, text)
		_ = rc.Flush()
	}
}

func (f *fake) hostRoutes(on func(string, http.HandlerFunc)) {
	f.configRoutes(on)
	on("GET /v1/features", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, wire.Features{
			Items: []wire.Feature{
				{ID: "vmManagement", Name: "VM Management", Category: "core", Risk: "minimal", State: "on", Why: []string{"core"}, What: "VMs run"},
				{ID: "webDashboard", Category: "access", Risk: "moderate", Set: "moderate", State: "unavailable", Why: []string{"selected in hypervisor.featureManager.enabledFeatures"}, What: "a page"},
			},
			Risk: "moderate", RiskWhy: []string{"webDashboard: a log-in page on the network"},
		})
	})
	on("GET /v1/host", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, wire.Host{
			Kind: "host", Version: "v0.1.0", Started: epoch.Add(-time.Hour), VMs: 2, Running: 1,
			Facts: host.Facts{
				Version: 1, Name: "box", OS: "linux", Arch: "x86_64", Kernel: "6.1.0", CPUs: 2, Memory: 4 * model.GiB,
				KVM: &host.Verdict{Why: "the CPU shows neither vmx nor svm"}, QEMU: &host.QEMU{Path: "/usr/bin/qemu-system-x86_64", Version: "7.2.22"},
			},
			Findings: finding.List{{Code: "HV-HOST-001", Severity: finding.Limited, Subject: []string{"host"}, What: "VMs run without KVM"}},
		})
	})
	on("GET /v1/version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, wire.Version{Version: "v0.1.0", API: "v1"})
	})
	on("GET /v1/audit", audit)
}

// audit has five records; a cursor is the number of the one behind which it goes on.
func audit(w http.ResponseWriter, r *http.Request) {
	limit, after := 2, -1
	_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
	_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &after)
	p := wire.Page{Total: 5}
	for i := after + 1; i < min(after+1+limit, p.Total); i++ {
		text, _ := json.Marshal(wire.AuditRecord{
			Seq: int64(i), Time: epoch, Actor: operation.Actor{UID: 0, Name: "root", Via: "socket"}, Action: "vm.start", Target: "vm/default/web",
			Phase: "intent", Operation: "7f3a000000000000",
		})
		p.Items = append(p.Items, text)
	}
	if last := after + len(p.Items); last+1 < p.Total {
		p.Next = fmt.Sprint(last)
	}
	answer(w, http.StatusOK, p)
}

// holder is an answer that nobody reads.
type holder struct{ header http.Header }

func (h *holder) Header() http.Header         { return h.header }
func (h *holder) Write(p []byte) (int, error) { return len(p), nil }
func (h *holder) WriteHeader(int)             {}
