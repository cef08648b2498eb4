package action

import (
	"context"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func bootFileTarget(r model.Ref) operation.Target {
	return operation.Target{Kind: "boot-file", Ref: inProject(r)}
}

func bootFileKey(r model.Ref) string {
	return store.SpecKey(store.Ref{Kind: "boot-file", Project: r.Project, Name: r.Name})
}

// ImportBootFile stores size bytes of r as a kernel or an initrd. A name that exists gets the new
// content; a VM that runs keeps what it was started with. A dry run reads none of r.
func (a *Actions) ImportBootFile(ctx context.Context, call Call, ref model.Ref, kind storage.BootKind, size model.Bytes, r io.Reader) (Result, error) {
	target := bootFileTarget(ref)
	if err := a.mayImport(ctx, call, target, kind, size); err != nil {
		a.refused(ctx, call, BootFileImport, target, err)
		return Result{}, err
	}
	if call.DryRun {
		return a.do(ctx, call, BootFileImport, target, func(c *change) error { return a.foretell(ctx, c, kind, size) })
	}
	a.arriving.begin()
	defer a.arriving.end(func(sha string) { a.dropContent(context.WithoutCancel(ctx), sha) })
	sha, n, err := a.BootFiles.Receive(ctx, size, r)
	if err != nil {
		err = fault.Wrap(err, "cannot import boot file %q", ref.Name)
		a.refused(ctx, call, BootFileImport, target, err)
		return Result{}, err
	}
	replaced := ""
	res, err := a.do(ctx, call, BootFileImport, target, func(c *change) error {
		f, kv, err := store.Get[storage.BootFile](ctx, a.Store, bootFileKey(target.Ref))
		switch {
		case fault.KindOf(err) == fault.NotFound:
			f = storage.BootFile{Metadata: model.Metadata{
				Name: target.Name, Project: target.Project, UID: uuid(a.Random(16)), Origin: model.Manual, Created: c.wish.Created,
			}}
		case err != nil:
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		replaced = f.SHA256
		f.Kind, f.SHA256, f.Size, f.Generation = kind, sha, n, f.Generation+1
		c.atOnce(a.Now())
		c.require(store.ModRevision(bootFileKey(target.Ref), kv.ModRevision))
		return c.put(bootFileKey(target.Ref), f)
	})
	switch {
	case err != nil || res.repeated:
		a.arriving.doom(sha)
	case replaced != sha:
		a.arriving.doom(replaced)
		a.settle(sha)
	default:
		a.settle(sha)
	}
	return res, err
}

func (a *Actions) settle(sha string) {
	if err := a.BootFiles.Settle(sha); err != nil { // the next start does
		a.Log.Warn("an import is not settled yet", "sha256", sha, "err", err)
	}
}

// foretell says what an import of a boot file would do.
func (a *Actions) foretell(ctx context.Context, c *change, kind storage.BootKind, size model.Bytes) error {
	old, found, err := store.Find[storage.BootFile](ctx, a.Store, bootFileKey(c.wish.Target.Ref))
	if err != nil {
		return err
	}
	c.step("store %s as a boot file (%s)", size, kind)
	if found {
		c.step("put it in the place of boot file %s (%s, %s)", old.Name, old.Kind, old.Size)
	}
	return nil
}

func (a *Actions) mayImport(ctx context.Context, call Call, t operation.Target, kind storage.BootKind, size model.Bytes) error {
	if err := a.Authorize(ctx, call, BootFileImport); err != nil {
		return err
	}
	errs := storage.CheckBootFile(t.Name, kind)
	if size > storage.MaxBootFile {
		errs = append(errs, fault.New(fault.Exhausted, "%s are more than %s, the most that a boot file may have", size, storage.MaxBootFile))
	}
	if len(errs) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "cannot import boot file %q", t.Name).Because(errors.Join(errs...))
}

// DeleteBootFile wishes a kernel or an initrd away that no VM names.
func (a *Actions) DeleteBootFile(ctx context.Context, call Call, ref model.Ref) (Result, error) {
	target := bootFileTarget(ref)
	content := ""
	res, err := a.do(ctx, call, BootFileDelete, target, func(c *change) error {
		f, kv, err := store.Get[storage.BootFile](ctx, a.Store, bootFileKey(target.Ref))
		if fault.KindOf(err) == fault.NotFound {
			return fault.New(fault.NotFound, "there is no boot file %q", target.Name).Try("hv boot-file list")
		}
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		users, err := a.bootFileUsers(ctx, target.Ref)
		if err != nil {
			return err
		}
		if users != "" {
			return fault.New(fault.Conflict, "boot file %q is used by %s", target.Name, users).Try("delete that VM, or change its boot")
		}
		content = f.SHA256
		c.atOnce(a.Now())
		c.step("delete boot file %s (%s)", f.Name, f.Size)
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		c.txn.Then = append(c.txn.Then, store.DeleteOp(kv.Key))
		return nil
	})
	if err == nil && !call.DryRun && content != "" {
		a.arriving.begin()
		a.arriving.doom(content)
		a.arriving.end(func(sha string) { a.dropContent(context.WithoutCancel(ctx), sha) })
	}
	return res, err
}

// bootFileUsers names a VM that boots from the file; "" for none.
func (a *Actions) bootFileUsers(ctx context.Context, ref model.Ref) (string, error) {
	vms, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	if err != nil {
		return "", err
	}
	for _, o := range vms {
		if o.Value.Project != ref.Project {
			continue
		}
		st, err := a.power(ctx, o.Value)
		if err != nil {
			return "", err
		}
		used := bootsFrom(o.Value.Spec, ref.Name)
		if s := st.Saved; s != nil && s.Process.Started != nil { // it may go on with what it was saved with
			used = used || bootsFrom(*s.Process.Started, ref.Name)
		}
		if used {
			return "vm/" + o.Value.Name, nil
		}
	}
	return "", nil
}

func bootsFrom(s vm.Spec, file string) bool {
	return s.Boot != nil && (s.Boot.Kernel == file || s.Boot.Initrd == file)
}

// dropContent removes content that no boot file names any more. What cannot be removed now wastes
// room and nothing else.
func (a *Actions) dropContent(ctx context.Context, sha string) {
	files, _, err := store.ListAll[storage.BootFile](ctx, a.Store, store.SpecPrefix("boot-file"))
	for _, f := range files {
		if f.Value.SHA256 == sha {
			a.settle(sha)
			return
		}
	}
	if err == nil {
		err = a.BootFiles.Remove(ctx, sha)
	}
	if err != nil {
		a.Log.Warn("content of a boot file stays", "sha256", sha, "err", err)
	}
}
