{
  hypervisor.featureManager.enabledFeatures = [
    "monitoring"
    "snapshot"
    "enrcyption"
  ];
}
