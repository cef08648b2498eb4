{
  hypervisor.featureManager = {
    profile = "balanced";
    riskTolerance = "balanced"
    enabledFeatures = [ ];
  };
}
