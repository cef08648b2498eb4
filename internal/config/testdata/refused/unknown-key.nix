{
  hypervisor.featureManger.profile = "balanced";
  hypervisor.vms.web = {
    cpus = 2;
    memroy = "2GiB";
  };
}
