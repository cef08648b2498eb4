{
  hypervisor.vms = {
    web = {
      cpus = 64;
      memory = "1TiB";
    };
    db = {
      accelerator = "kvm";
      machine = "pc";
    };
    arm.arch = "aarch64";
  };
}
