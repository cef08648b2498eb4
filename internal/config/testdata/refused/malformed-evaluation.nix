{
  hypervisor.vms.web.memory = sizes.small;
}
