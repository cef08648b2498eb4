{ lib, ... }: {
  hypervisor.vms.web.description = lib.id;
}
