{ config, pkgs, ... }: {
  hypervisor.vms.web.description = pkgs.hello.name;
}
